"""Rows of the log: strictly before, and only after."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from generation.history import AGE, CLICKED, KNOWN
from generation.personalization.pigeon.training import logged as module
from generation.personalization.pigeon.training.logged import preference_of
from jobs.features.preference import preferences
from tests.generation.personalization.pigeon.conftest import a_history

DAY = date(2026, 3, 10)


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
