from datetime import UTC, datetime

import pyarrow as pa
import pytest

from jobs.drift.inputs import COLUMNS, counted, day_figures
from jobs.lake.schema.feed import IMPRESSIONS
from tests.jobs.drift.conftest import write
from tests.support.worlds.samples import sample

SCHEMA = pa.schema([IMPRESSIONS.schema.field(name) for name in COLUMNS])


def batch(*rows):
    values = [
        (request, datetime(2026, 3, 2, hour, tzinfo=UTC), position, clicked, propensity, policy)
        for request, hour, position, clicked, propensity, policy in rows
    ]
    columns = zip(*values, strict=True)
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA
    )


def test_figures_by_hand():
    """Five impressions of three pages: one click, positions 1 2 1 1 2, propensities 0.25 0.75 and none."""
    first = batch(("r1", 7, 1, True, 0.25, "a"), ("r1", 7, 2, False, 0.75, "a"))
    second = batch(("r2", 7, 1, False, None, None), ("r3", 23, 1, False, None, "a"), ("r3", 23, 2, False, None, "a"))
    found = counted([first, second]).figures()
    assert {name: value for name, value in found.items() if "." not in name} == {
        "rows": 5, "requests": 3, "clicked_share": 0.2, "mean_position": 1.4, "mean_propensity": 0.5
    }  # fmt: skip
    assert (found["hour_share.07"], found["hour_share.23"], found["hour_share.00"]) == (2 / 3, 1 / 3, 0)
    assert (found["policy_share.a"], found["policy_share.(none)"]) == (2 / 3, 1 / 3)


def test_a_log_without_propensities_has_no_mean_of_them():
    assert "mean_propensity" not in counted([batch(("r", 1, 1, True, None, None))]).figures()
    assert counted([]).figures() == {"rows": 0, "requests": 0}


def test_refused_rows_count_among_those_that_came(make_context):
    context = make_context()
    write(context, "impressions", sample("impressions", 6))
    reasons = [["unknown_item", "bad_type"], ["unknown_item"], ["bad_type"], ["unknown_item"]]
    write(context, "quarantine", sample("quarantine", 4, source=[*["impressions"] * 3, "items"], reasons=reasons))
    found = day_figures(context.lake, "2026-03-02")
    assert (found["refused_share"], found["unknown_item_share"]) == (pytest.approx(3 / 9), pytest.approx(2 / 9))
    assert day_figures(context.lake, "2026-03-03") == {"rows": 0, "requests": 0}
