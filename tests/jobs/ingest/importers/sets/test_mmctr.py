from datetime import date

import numpy as np
import polars as pl
import pytest

from conf.errors import UsageError
from jobs.ingest.importers.sets.mmctr import Seen
from tests.support.importers.importing import balanced, imported, reasons, table
from tests.support.importers.public_sets import mmctr, write_parquet


def test_labels_histories_and_made_up_days(tmp_path):
    """By hand: 18 rows each of train and valid, and 2 clicks of the history of 6 users with one drawn item each."""
    outcome = imported("mmctr", mmctr(tmp_path / "m"), tmp_path / "out", negatives=1, first_day=date(2026, 2, 3))
    assert (outcome.log.read, outcome.log.written, balanced(outcome)) == (18 + 18 + 12, 18 + 18 + 24, True)
    assert outcome.items.reasons == {"padding": 1}
    assert outcome.days == ["2026-02-01", "2026-02-02", "2026-02-03", "2026-02-04"]
    rows = table(tmp_path / "out", "impressions")
    labelled = rows.filter(pl.col("policy") == "challenge-labels")
    assert (labelled.height, labelled["clicked"].sum()) == (36, 12)
    assert sorted(labelled.filter(request_id="train-1")["position"]) == [1, 2, 3]
    history = rows.filter(pl.col("policy") == "sampled-negatives")
    # User 1's sequence is 0, 0, 2, 4: the latest, 4, lies on the day before.
    mine = history.filter((pl.col("user_id") == "1") & pl.col("clicked")).sort("ts")
    assert mine.select("item_id", pl.col("ts").dt.day()).rows() == [("2", 1), ("4", 2)]
    assert table(tmp_path / "out", "items")["tags"].to_list()[0] == ["3"]


def test_the_clicked_row_is_not_always_at_one_position(tmp_path):
    """The file has it first; so the order of the file would tell the label."""
    imported("mmctr", mmctr(tmp_path / "m"), tmp_path / "out")
    rows = table(tmp_path / "out", "impressions").filter(policy="challenge-labels", clicked=True)
    assert rows["position"].n_unique() > 1


def test_padding_wrong_types_and_repeats_are_refused(tmp_path):
    root = mmctr(tmp_path / "m")
    row = {"user_id": "1", "item_id": "2", "label": "1"}
    rows = [
        row,
        row,
        row | {"item_id": "0"},
        row | {"user_id": "0"},
        row | {"label": "x"},
        row | {"label": "2"},
        row | {"item_id": None},
        row | {"item_id": "-3"},
    ]
    write_parquet(root / "MicroLens_1M_x1" / "train.parquet", rows)
    outcome = imported("mmctr", root, tmp_path / "out")
    assert balanced(outcome)
    assert reasons(tmp_path / "out", "impressions") == sorted(
        ["duplicate_impression", "padding", "padding", "bad_type", "bad_type", "missing_key", "bad_type"]
    )


def test_pictures_must_be_unpacked(tmp_path):
    root = mmctr(tmp_path / "m")
    (root / "item_images").rename(root / "elsewhere")
    with pytest.raises(UsageError, match=r"unpack item_images.rar"):
        imported("mmctr", root, tmp_path / "out")
    with pytest.raises(UsageError, match=r"has no train.parquet"):
        imported("mmctr", tmp_path, tmp_path / "out")


def test_a_user_is_new_once():
    seen = Seen()
    assert seen.add(np.array([5, 2])).tolist() == [True, True]
    assert seen.add(np.array([2, 7])).tolist() == [False, True]
