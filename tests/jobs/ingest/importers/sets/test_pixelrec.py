import pytest

from conf.errors import UsageError
from tests.support.importers.importing import balanced, imported, reasons, table
from tests.support.importers.public_sets import pixelrec, write_csv


def test_clicks_items_and_covers_are_found_whatever_the_part_is_called(tmp_path):
    root = pixelrec(tmp_path / "p")
    (root / "interaction.csv").rename(root / "Pixel200K.csv")
    outcome = imported("pixelrec", root, tmp_path / "out", negatives=1)
    assert (outcome.log.read, outcome.log.written, outcome.items.read, balanced(outcome)) == (36, 72, 8, True)
    item = table(tmp_path / "out", "items").filter(item_id="i1").to_dicts()[0]
    assert (item["title"], item["category"], item["tags"]) == ("title 1", "music", ["music"])
    assert item["created_at"].hour == 0
    assert set(table(tmp_path / "out", "impressions")["user_id"]) == {f"u{user}" for user in range(1, 7)}


def test_faults_and_other_folders(tmp_path):
    root = pixelrec(tmp_path / "p")
    with (root / "interaction.csv").open("a") as stream:
        stream.write("i1,u1,\nnothing,u1,1772323200\ni1,u1,1772323200000\n")
    (root / "cover" / "i2.jpg").unlink()
    outcome = imported("pixelrec", root, tmp_path / "out")
    assert balanced(outcome)
    assert set(reasons(tmp_path / "out", "impressions")) == {
        "missing_key",
        "unknown_item",
        "clock_unbelievable",
        "no_cover",
    }
    write_csv(root / "a.csv", [(1, 2, 3)], ("item_id", "user_id", "timestamp"))
    (root / "interaction.csv").rename(root / "b.csv")
    with pytest.raises(UsageError, match="has several logs or lists"):
        imported("pixelrec", root, tmp_path / "out")
    (root / "item_info.csv").unlink()
    (root / "a.csv").unlink()
    with pytest.raises(UsageError, match=r"has no item_info.csv, a CSV with the columns item_id, title, tag"):
        imported("pixelrec", root, tmp_path / "out")
