import pyarrow as pa
import pytest

from conf.errors import ContractError
from jobs.lake.casting import check_columns, conform_table
from jobs.lake.schema.tables import TABLES

SEGMENTS = TABLES["user_segments"]
DAY = "2026-03-02"


def rows(**changes):
    return pa.table({"user_id": ["ann"], "segment_id": ["s0"], "distance": [1], **changes})


def test_columns_get_the_order_and_types_of_the_table_and_ds_is_filled_in():
    found = conform_table(rows(), SEGMENTS, DAY)
    assert found.schema.equals(SEGMENTS.schema)
    assert found.to_pylist() == [{"ds": DAY, "user_id": "ann", "segment_id": "s0", "distance": 1.0}]


def test_a_missing_nullable_column_is_null():
    given = {field.name: [None] for field in TABLES["ranking_lift"].schema if field.nullable}
    assert "lift" in given
    values = {"metric": "auc", "ranker": "r", "arm": "a", "slice": "all", "value": 0.5, "users": 3}
    found = conform_table(pa.table({name: [value] for name, value in values.items()}), TABLES["ranking_lift"], DAY)
    assert found["lift"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (rows(taste=[1]), r"unknown columns \['taste'\]"),
        (rows().drop_columns(["segment_id"]), r"missing columns \['segment_id'\]"),
        (rows(user_id=pa.array([None], pa.string())), r"user_segments\.user_id must not be null, but 1 of 1"),
        (rows(distance=["far"]), r"user_segments\.distance must be"),
    ],
)
def test_what_does_not_fit_is_named(table, complaint):
    with pytest.raises(ContractError, match=complaint):
        conform_table(table, SEGMENTS, DAY)


def test_without_a_day_ds_is_required():
    with pytest.raises(ContractError, match=r"missing columns \['ds'\]"):
        check_columns(["user_id", "segment_id", "distance"], SEGMENTS, ds_given=False)
