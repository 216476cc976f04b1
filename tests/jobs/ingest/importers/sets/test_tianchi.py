import hashlib
import zipfile

import polars as pl
import pytest

from conf.errors import ContractError, UsageError
from tests.support.importers.importing import balanced, imported, reasons, table
from tests.support.importers.public_sets import draw, tianchi


def listed(root, lines):
    """An unpacked release with these lines."""
    (root / "images").mkdir(parents=True)
    (root / "train_data_list.txt").write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    return root


def test_counts_become_impressions_of_nobody_in_particular(tmp_path):
    outcome = imported("tianchi", tianchi(tmp_path / "t"), tmp_path / "out", at_most=1000)
    assert balanced(outcome)
    assert outcome.rows == {"impressions": 4 * (30 + 60) * 3, "items": 4, "covers": 8}
    rows = table(tmp_path / "out", "impressions")
    assert set(rows["policy"]) == {"aggregated"}
    assert sorted(rows["user_id"].unique()) == [f"aggregated:2020-07-0{day}" for day in (1, 2, 3)]
    assert set(rows["position"]) == {1}
    assert rows["request_id"].n_unique() == rows["impression_id"].n_unique() == rows.height
    # All views of creative 1_1.jpg, item 1, on a day: 60 views and 1 % 3 + 1 = 2 clicks.
    picture = zipfile.ZipFile(tmp_path / "t" / "images.zip").read("images/1_1.jpg")
    shown = rows.filter((pl.col("cover_id") == hashlib.sha256(picture).hexdigest()) & (pl.col("ts").dt.day() == 2))
    assert (shown.height, shown["clicked"].sum(), set(shown["item_id"])) == (60, 2, {"1"})
    # The default is what was viewed most on the first day.
    covers = table(tmp_path / "out", "covers")
    assert covers.filter(pl.col("is_default"))["cover_id"].to_list().count(hashlib.sha256(picture).hexdigest()) == 1
    assert covers["is_default"].sum() == 4


def test_a_bound_keeps_the_click_through_rate_on_average(tmp_path):
    """400 creatives of 200 views and 20 clicks each, 10 kept: by hand, 4,000 views with 400 clicks expected, and a
    hypergeometric standard deviation of sqrt(400 * 10 * 0.1 * 0.9 * 190 / 199) = 18.5."""
    root = listed(tmp_path / "t", [(n, "a.png", 20200701, 200, 20) for n in range(400)])
    draw(root / "images", ["a"], ".png")
    outcome = imported("tianchi", root, tmp_path / "out", at_most=10)
    rows = table(tmp_path / "out", "impressions")
    assert rows.height == outcome.log.written == 4000
    assert abs(rows["clicked"].sum() - 400) < 4 * 18.5


def test_every_fault_of_a_line_has_its_reason(tmp_path):
    lines = [
        (1, "a.png", 20200701, 5, 1),
        (1, "a.png", 20200701, 5, 1),  # again
        (1, "a.png", 20200702, 0, 0),  # never viewed: kept, of no impression
        (1, "a.png", 20200701, 5, 6),
        (1, "a.png", 20200701, -1, -1),
        (1, "a.png", "yesterday", 5, 1),
        (1, "a.png", 20200701, "five", 1),
        (1, "missing.png", 20200701, 5, 1),
        ("", "a.png", 20200701, 5, 1),
        (1, "a.png", 20200701, 5),
        (1, "twin.png", 20200703, 2, 1),  # other name, same picture
    ]
    root = listed(tmp_path / "t", lines)
    draw(root / "images", ["a"], ".png")
    draw(root / "images", ["twin"], ".png")
    outcome = imported("tianchi", root, tmp_path / "out")
    assert balanced(outcome)
    assert reasons(tmp_path / "out", "impressions") == [
        *("bad_type", "bad_type", "clicks_above_views", "clicks_above_views"),
        *("duplicate_impression", "malformed_row", "missing_key", "no_cover"),
    ]
    assert (outcome.log.accepted, outcome.log.written) == (3, 7)
    assert outcome.covers.reasons == {"no_cover": 1, "duplicate_cover": 1}
    assert table(tmp_path / "out", "covers").height == 1
    assert outcome.days == ["2020-07-01", "2020-07-03"]


def test_counts_of_nothing_are_no_log(tmp_path):
    root = listed(tmp_path / "t", [(1, "a.png", 20200701, 0, 0)])
    draw(root / "images", ["a"], ".png")
    with pytest.raises(ContractError, match="The 1 rows of the log count no view"):
        imported("tianchi", root, tmp_path / "out")


def test_another_folder_an_empty_list_and_a_damaged_archive(tmp_path):
    with pytest.raises(UsageError, match=r"has no \*list\*.txt"):
        imported("tianchi", tmp_path, tmp_path / "out")
    root = listed(tmp_path / "t", [])
    with pytest.raises(ContractError, match=r"train_data_list.txt is empty"):
        imported("tianchi", root, tmp_path / "out")
    (root / "train_data_list.txt").unlink()
    (root / "list.zip").write_bytes(b"PK cut off")
    with pytest.raises(ContractError, match="is no whole zip archive"):
        imported("tianchi", root, tmp_path / "out")
