"""The stage on a log small enough to work out by hand."""

from datetime import UTC, datetime

import pytest

from conf.errors import ContractError, UsageError
from jobs.features import stage
from tests.support.worlds.feature_nights import DAYS, REWARD, rows


def test_the_days_that_labels_need_are_built(tiny):
    assert tiny.lake.partitions("user_features") == set(DAYS)
    assert tiny.result.rows["user_features"] == 2 + 2 + 3


def test_history(tiny):
    history = rows(tiny, "user_history", "user_id")
    events = history["29", "u1"]["events"]
    assert [(event["item_id"], event["position"], event["clicked"]) for event in events] == [
        ("A", 2, False),
        ("B", 1, True),
        ("B", 2, False),
        ("A", 1, True),
    ]
    assert events[0]["ts"] == datetime(2026, 3, 29, 20, tzinfo=UTC)
    assert [event["clicked"] for event in history["28", "u2"]["events"]] == [False, True]
    assert [event["clicked"] for event in history["29", "u2"]["events"]] == [False]


def test_a_day_without_log_is_refused(tiny, make_context):
    ctx = make_context(ds="2026-03-30", home=tiny.home, reward=REWARD)
    with pytest.raises(ContractError, match="impressions has no rows of 2026-03-30"):
        stage.run(ctx)


def test_an_unknown_encoder_is_refused(tiny, make_context):
    ctx = make_context(ds="2026-03-29", home=tiny.home, reward=REWARD, features={"encoder_id": "other"})
    with pytest.raises(UsageError, match=r"features\.encoder_id is 'other'"):
        stage.run(ctx)


def test_only_missing_days_and_ds_are_built(tiny):
    assert [day.isoformat() for day in stage.feature_days(tiny)] == ["2026-03-29"]
    assert [day.isoformat() for day in stage.segment_days(tiny)] == ["2026-03-29"]
