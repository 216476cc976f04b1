import pytest

from conf.errors import ContractError, UsageError
from tests.support.importers.importing import balanced, imported, reasons, table
from tests.support.importers.public_sets import MARCH, microlens, write_csv


@pytest.mark.parametrize("release", ["50k", "100k"])
def test_each_click_is_a_request_with_drawn_items_beside_it(tmp_path, release):
    """Titles of 50k have a header, those of 100k have none."""
    root = microlens(tmp_path / "m", release)
    write_csv(root / "tags_to_summary.csv", [(1, "cats")], ("videoID", "category"))
    outcome = imported("microlens", root, tmp_path / "out", negatives=2)
    assert (outcome.items.read, outcome.log.read, outcome.log.written, balanced(outcome)) == (8, 36, 108, True)
    rows = table(tmp_path / "out", "impressions")
    assert set(rows["policy"]) == {"sampled-negatives"}
    assert rows.group_by("request_id").len()["len"].unique().to_list() == [3]
    assert rows["clicked"].sum() == 36
    assert all(name.endswith(("-n1", "-n2")) for name in rows.filter(clicked=False)["impression_id"])
    items = {row["item_id"]: row for row in table(tmp_path / "out", "items").to_dicts()}
    assert (items["1"]["title"], items["1"]["category"], items["2"]["category"]) == (
        "A film, number 1",
        "cats",
        "video",
    )


def test_titles_with_commas_but_without_quotes_are_whole(tmp_path):
    root = microlens(tmp_path / "m", "100k")
    (root / "MicroLens-100k_title_en.csv").write_text(
        '1,One, two, three\n2,"A, b"\n' + "".join(f"{n},x\n" for n in range(3, 9))
    )
    imported("microlens", root, tmp_path / "out")
    titles = dict(table(tmp_path / "out", "items").select("item_id", "title").iter_rows())
    assert (titles["1"], titles["2"]) == ("One, two, three", "A, b")


def test_every_fault_has_its_reason(tmp_path):
    root = microlens(tmp_path / "m")
    at = MARCH * 1000
    with (root / "MicroLens-50k_pairs.csv").open("ab") as stream:
        stream.write(b"9,1,%d\n9,1,%d\n" % (at, at))  # twice
        stream.write(b"9,1,noon\n9,1,\n,1,%d\n9,1,%d\n9,99,%d\n9,8,%d\n9,1\n\xff\xfe,1,%d\n" % (at, MARCH, at, at, at))
    with (root / "MicroLens-50k_titles.csv").open("a") as stream:
        stream.write("1,again\n10,\n11\n")
    (root / "MicroLens-50k_covers" / "8.jpg").write_text("no picture")
    outcome = imported("microlens", root, tmp_path / "out", negatives=1)
    assert balanced(outcome)
    of_item_8 = sum(
        line.split(",")[1] == "8"
        for line in (root / "MicroLens-50k_pairs.csv").read_text("utf-8", "replace").splitlines()
        if line.count(",") == 2
    )
    assert reasons(tmp_path / "out", "impressions") == sorted(
        ["duplicate_impression", "bad_type", "missing_key", "missing_key", "clock_unbelievable", "unknown_item"]
        + ["malformed_row"] * 2
        + ["no_cover"] * of_item_8
    )
    assert reasons(tmp_path / "out", "items") == ["duplicate_item", "malformed_row", "missing_key"]
    assert reasons(tmp_path / "out", "covers") == ["unreadable_image"]


def test_another_folder_another_header_and_an_empty_file(tmp_path):
    with pytest.raises(UsageError, match=r"has no MicroLens-\*_pairs.csv"):
        imported("microlens", tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match="is no folder"):
        imported("microlens", tmp_path / "nowhere", tmp_path / "out")
    root = microlens(tmp_path / "m")
    pairs = root / "MicroLens-50k_pairs.csv"
    pairs.write_text("user,video\n1,2\n")
    with pytest.raises(UsageError, match="begins with user, video: expected the columns user, item, timestamp"):
        imported("microlens", root, tmp_path / "out")
    pairs.write_text("user,item,timestamp\n")
    with pytest.raises(ContractError, match="holds no rows"):
        imported("microlens", root, tmp_path / "out")
    pairs.write_text("")
    with pytest.raises(ContractError, match="is empty"):
        imported("microlens", root, tmp_path / "out")
    pairs.write_text("user,item,timestamp\n1,99,1\n2,1,x\n")
    with pytest.raises(ContractError, match=r"None of the 2 rows .* bad_type 1 .* clock_unbelievable 1"):
        imported("microlens", root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
