"""The stage on a log small enough to work out by hand."""

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest

from conf.errors import ContractError, UsageError
from conf.settings import Settings
from jobs.features import behaviour, stage
from jobs.lake.context import Context
from tests.support.feature_logs import Log

DAYS = ["2026-03-27", "2026-03-28", "2026-03-29"]
REWARD = {"test_days": 1, "label_days": 1}


def padded(head, size):
    return [*head, *[0.0] * (size - len(head))]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, spark_settings):
    log = Log()
    log.item("A", "food", "2026-03-01T00:00:00")
    log.item("B", "pets", "2026-03-28T12:00:00")
    log.item("C", "food", "2026-03-29T06:00:00")
    log.cover("a0", padded([1, 0, 0], 128), padded([1, 0], 32))
    log.cover("a1", padded([0, 0, 1], 128), padded([0.6, 0.8], 32))
    log.cover("b0", padded([0, 1, 0], 128), padded([0, 1], 32))
    log.shown("2026-03-27T10:00:00", "u1", "A", "a0", 1, True)
    log.shown("2026-03-27T10:00:00", "u1", "B", "b0", 2, False)
    log.shown("2026-03-29T20:00:00", "u1", "B", "b0", 1, True)
    log.shown("2026-03-29T20:00:00", "u1", "A", "a1", 2, False)
    log.shown("2026-03-01T09:00:00", "u2", "A", "a0", 1, True)
    log.shown("2026-03-28T08:00:00", "u2", "A", "a0", 1, False)
    log.shown("2026-03-29T01:00:00", "u3", "B", "no-features", 2, True)
    settings = Settings.model_validate({"spark": spark_settings.model_dump(), "reward": REWARD})
    ctx = Context(ds=date(2026, 3, 29), home=tmp_path_factory.mktemp("tiny"), settings=settings)
    log.write(ctx.lake)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviour, "MIN_RANDOMISED_CLICKS", 1)
        ctx.result = stage.run(ctx)
    return ctx


def rows(ctx, table, key):
    found = ctx.lake.read(table).to_pylist()
    return {(row["ds"][-2:], row[key]): row for row in found}


def test_the_days_that_labels_need_are_built(tiny):
    assert tiny.lake.partitions("user_features") == set(DAYS)
    assert tiny.result.rows["user_features"] == 2 + 2 + 3


def test_user_counts(tiny):
    users = rows(tiny, "user_features", "user_id")
    assert set(users) == {(d, u) for d in ("27", "28", "29") for u in ("u1", "u2")} | {("29", "u3")}
    names = ("impressions_1d", "clicks_1d", "impressions_7d", "clicks_7d", "impressions_28d", "clicks_28d")
    found = {key: tuple(row[name] for name in names) for key, row in users.items()}
    assert found["27", "u1"] == (2, 1, 2, 1, 2, 1)
    assert found["28", "u1"] == (0, 0, 2, 1, 2, 1)
    assert found["29", "u1"] == (2, 1, 4, 2, 4, 2)
    # The click of March 1 is within 28 days of March 28, and no longer of March 29.
    assert found["27", "u2"] == (0, 0, 0, 0, 1, 1)
    assert found["28", "u2"] == (1, 0, 1, 0, 2, 1)
    assert found["29", "u2"] == (0, 0, 1, 0, 1, 0)
    assert found["29", "u3"] == (1, 1, 1, 1, 1, 1)


def test_user_rates(tiny):
    users = rows(tiny, "user_features", "user_id")
    # March 29, 28 days: (2 of 4), (0 of 1), (1 of 1): p = 1/2, no spread beyond chance, 10,000 pseudo-impressions.
    assert users["29", "u1"]["ctr_28d"] == pytest.approx(5002 / 10004)
    assert users["29", "u3"]["ctr_28d"] == pytest.approx(5001 / 10001)
    # 1 day: (1 of 2), (1 of 1): p = 2.5/4; u2 was not seen that day and has the prior's mean.
    assert users["29", "u1"]["ctr_1d"] == pytest.approx(6251 / 10002)
    assert users["29", "u2"]["ctr_1d"] == pytest.approx(0.625)


def test_recency(tiny):
    users = rows(tiny, "user_features", "user_id")
    found = {key: row["recency_hours"] for key, row in users.items()}
    assert found["29", "u1"] == 4.0
    assert found["28", "u1"] == 38.0
    assert found["28", "u2"] == 27 * 24 + 15
    assert found["29", "u2"] is None


def test_affinity(tiny):
    users = rows(tiny, "user_features", "user_id")
    affinity = dict(users["29", "u3"]["category_affinity"])
    rate = 5001 / 10001
    assert affinity == {"pets": pytest.approx((1 + 10_000 * rate) / 10_001 / rate)}
    assert set(dict(users["29", "u1"]["category_affinity"])) == {"food", "pets"}
    assert set(dict(users["28", "u2"]["category_affinity"])) == {"food"}


def test_preferences(tiny):
    users = rows(tiny, "user_features", "user_id")
    row = users["29", "u1"]
    # Clicked a0 and b0, skipped b0 and a1: ((1, 1, 0) - (0, 1, 1)) / (2 + 5).
    np.testing.assert_allclose(row["pref_embedding"], padded([1 / 7, 0, -1 / 7], 128), atol=1e-7)
    np.testing.assert_allclose(row["pref_style"], padded([(1 - 0.6) / 7, (1 - 1.8) / 7], 32), atol=1e-7)
    np.testing.assert_allclose(users["29", "u2"]["pref_embedding"], padded([-1 / 6], 128), atol=1e-7)
    assert users["29", "u3"]["pref_embedding"] == [0.0] * 128


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


def test_position_bias(tiny):
    bias = rows(tiny, "position_bias", "position")
    # Position 1: 2 of 3; position 2: 1 of 3.
    assert bias["29", 1]["examination"] == 1.0
    assert bias["29", 2]["examination"] == pytest.approx(0.5)
    assert (bias["29", 1]["impressions"], bias["29", 2]["impressions"]) == (3, 3)


def test_items(tiny):
    items = rows(tiny, "item_features", "item_id")
    assert {key for key in items if key[1] == "C"} == {("29", "C")}
    assert items["29", "A"]["age_days"] == 29.0
    assert items["29", "B"]["age_days"] == 1.5
    assert items["27", "B"]["age_days"] == 0.0
    assert (items["29", "A"]["impressions_28d"], items["29", "A"]["clicks_28d"]) == (3, 1)
    assert (items["29", "A"]["impressions_1d"], items["29", "C"]["impressions_28d"]) == (1, 0)
    assert items["29", "A"]["ctr_28d"] == pytest.approx(5001 / 10003)


def test_debiased_rates(tiny):
    items = rows(tiny, "item_features", "item_id")
    # Examinations: A 1 + 1 + 1/2, B 1 + 1/2 + 1/2; clicks 1 and 2; p = 3.5/5.5 = 7/11. The moments ask for a
    # strength of 0.68, kept at 1: a = 7/11.
    assert items["29", "A"]["ctr_debiased"] == pytest.approx(36 / 77, abs=1e-6)
    assert items["29", "B"]["ctr_debiased"] == pytest.approx(29 / 33, abs=1e-6)
    assert items["29", "C"]["ctr_debiased"] == pytest.approx(7 / 11, abs=1e-6)


def test_fewer_users_than_the_floor_are_all_new(tiny):
    segments = tiny.lake.read("segments").to_pylist()
    assert [(row["ds"][-2:], row["segment_id"], row["size"]) for row in sorted(segments, key=lambda r: r["ds"])] == [
        ("28", "new", 2),
        ("29", "new", 3),
    ]
    for row in segments:
        assert not any(row["pref_embedding"])
        assert not any(row["pref_style"])
        assert row["exemplar_users"] == row["exemplar_covers"] == []
    members = rows(tiny, "user_segments", "user_id")
    assert {row["segment_id"] for row in members.values()} == {"new"}
    # The distance of u1 from the origin: each block has the scale 1, for nothing was fitted.
    assert members["29", "u3"]["distance"] == 0.0
    style = math.hypot(0.4 / 7, -0.8 / 7)
    subject = 0.25 * math.hypot(1 / 7, 1 / 7)
    # u1 and u3 clicked, so clusters were fitted: blocks are divided by their root mean square over both.
    scales = style / math.sqrt(2), math.hypot(1 / 7, 1 / 7) / math.sqrt(2)
    expected = math.hypot(style / scales[0], subject / scales[1])
    assert members["29", "u1"]["distance"] == pytest.approx(expected, rel=1e-6)


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
