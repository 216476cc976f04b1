"""Rows of the log: strictly before, and only after."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

from generation.history import AGE, CLICKED, KNOWN
from generation.personalization.pigeon.training import logged as module
from generation.personalization.pigeon.training.logged import preference_of
from jobs.features.estimators.preference import preferences
from jobs.lake.schema.features import COVER_FEATURES, ITEM_FEATURES, POSITION_BIAS
from jobs.lake.schema.feed import IMPRESSIONS
from jobs.lake.splits import split_of
from reward_model.encoders.model import ENCODER_ID
from tests.generation.personalization.pigeon.conftest import a_history
from tests.support.worlds import tiny

DAY = date(2026, 3, 10)
SPLITS = ("train", "validation", "held_out")


def events():
    """One event a day from 8 to 20 March, every second one clicked; items in turn."""
    days = [DAY + timedelta(days=back) for back in range(-2, 11)]
    return pl.DataFrame(
        {
            "ds": [day.isoformat() for day in days],
            "ts": [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days],
            "position": [1] * 13,
            "clicked": [place % 2 == 0 for place in range(13)],
            "propensity": [0.5] * 12 + [None],
            "item_id": [f"i{place % 5}" for place in range(13)],
            "cover_id": [f"c{place}" for place in range(13)],
            "expected": [-3.0] * 13,
        }
    )


def test_a_history_ends_with_its_day_and_labels_are_of_the_week_after():
    looks = np.random.default_rng(0).normal(size=(13, 160))
    row = module._row("u", events(), looks, np.ones(1), DAY, {"i0", "i1", "i3", "i4"})
    assert row.history[:, KNOWN].sum() == 3
    assert (row.history[:, CLICKED] > 0).sum() == 2
    assert np.expm1(row.history[:3, AGE] * 8).max() == pytest.approx(2 * 24 + 12, abs=0.1)
    assert row.item_ids == ["i3", "i4", "i0", "i1", "i3", "i4"]  # 11 to 17 March, without i2
    assert row.cover_ids == ["c3", "c4", "c5", "c6", "c8", "c9"]
    assert row.fresh.tolist() == [True, True, False, False, True, True]
    np.testing.assert_allclose(row.look, looks[[3, 4, 5, 6, 8, 9]])


def test_without_a_click_before_or_an_impression_after_there_is_no_row():
    looks = np.ones((13, 160))
    quiet = events().with_columns(clicked=pl.lit(False))
    assert module._row("u", quiet, looks, np.ones(1), DAY, {"i0"}) is None
    assert module._row("u", events(), looks, np.ones(1), DAY, {"other"}) is None


def test_the_preference_of_a_history_is_that_of_the_night():
    told = a_history(3, clicks=4, skips=6)
    clicked = (np.arange(10) < 4).astype(np.int64)
    (wanted,) = preferences(told[:10, :160].astype(float), clicked, np.array([0]), np.array([10]))
    np.testing.assert_allclose(preference_of(told), wanted, atol=1e-5)


def test_nobody_and_nothing_that_is_held_out_is_in_a_row(make_context, monkeypatch):
    """Three users and three items of each split, each user shown and clicking each item on many days."""
    ctx = make_context(ds="2026-03-29")
    names = {split: [f"n{n}" for n in range(200) if split_of(f"n{n}") == split][:3] for split in SPLITS}
    users = items = [name for some in names.values() for name in some]
    rows = [
        {
            "ds": f"2026-03-{day}", "impression_id": f"{day}/{user}/{item}", "request_id": f"{day}/{user}",
            "user_id": user, "item_id": item, "ts": datetime(2026, 3, day, 12, tzinfo=UTC), "cover_id": item,
            "position": 1, "clicked": True, "title": None, "dwell_ms": None, "propensity": 0.5, "policy": None,
        }
        for day in range(20, 30) for user in users for item in items
    ]  # fmt: skip
    tiny.write(ctx, rows, IMPRESSIONS)
    tiny.write(ctx, [{"ds": "2026-03-29", "position": 1, "examination": 1.0, "impressions": 9}], POSITION_BIAS)
    vectors = [
        {"cover_id": item, "encoder_id": ENCODER_ID, "embedding": [1.0] + [0.0] * 127, "style": [1.0] + [0.0] * 31}
        for item in items
    ]
    tiny.write(ctx, vectors, COVER_FEATURES)
    counts = {f"{what}_{width}d": 9 for what in ("impressions", "clicks") for width in (1, 7, 28)}
    rates = {f"ctr_{width}d": 0.1 for width in (1, 7, 28)}
    told = [
        {"ds": "2026-03-29", "item_id": item, **counts, **rates, "ctr_debiased": 0.1, "age_days": 9.0} for item in items
    ]
    tiny.write(ctx, told, ITEM_FEATURES)
    monkeypatch.setattr(
        module, "items_with_default", lambda *night: pd.DataFrame({"item_id": items, "reference_cover_id": items})
    )
    for split in ("train", "validation"):
        found = module.Logged.read(ctx, split, split)
        assert set(found.users) == set(names[split])
        assert set(found.item_ids) == set(names[split])
        np.testing.assert_allclose(found.expected, np.log(10 / 9), rtol=1e-5)  # 0.1 (90 + 10) / (9 + 10) = 10 / 19
        assert found.propensity.tolist() == [0.5] * len(found.row)
