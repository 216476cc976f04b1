"""Histories of single users: nothing is lost but which of many skips was which."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from generation.history import AGE, AGE_SCALE, CLICKED, EXAMINATION, KNOWN, WEIGHT
from generation.user_history import CLICKED_ROWS, grouped, history_of_events, read_user_histories, user_history
from jobs.features.estimators.preference import preferences
from jobs.lake.schema.features import COVER_FEATURES, POSITION_BIAS
from jobs.lake.schema.feed import IMPRESSIONS
from tests.support.worlds import tiny


def told_of(rng, clicks, skips):
    vectors = rng.normal(size=(clicks + skips, 160))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    clicked = rng.permutation(np.arange(clicks + skips) < clicks)
    age = np.sort(rng.uniform(0, 600, clicks + skips))
    return {"vectors": vectors, "clicked": clicked, "age_hours": age, "examination": rng.uniform(0.2, 1, len(age))}


@given(clicks=st.integers(0, 60), skips=st.integers(0, 90), seed=st.integers(0, 5))
def test_weighted_sums_and_counts_are_those_of_all_events(clicks, skips, seed):
    told = told_of(np.random.default_rng(seed), clicks, skips)
    found = user_history(**told)
    if clicks + skips == 0:
        assert found is None
        return
    for kind, sign, number in ((True, 1, clicks), (False, -1, skips)):
        rows = found[:, CLICKED] == sign
        assert rows.sum() <= number
        assert found[rows, WEIGHT].sum() == number
        total = (found[rows, WEIGHT, None] * found[rows, :160]).sum(0)
        np.testing.assert_allclose(total, told["vectors"][told["clicked"] == kind].sum(0), atol=5e-3)
    assert found[:, KNOWN].sum() <= 48


def test_few_clicks_stand_as_they_are_newest_first():
    told = told_of(np.random.default_rng(1), CLICKED_ROWS, 100)
    found = user_history(**told)
    np.testing.assert_allclose(found[:CLICKED_ROWS, :160], told["vectors"][told["clicked"]], atol=5e-5)
    np.testing.assert_array_equal(found[:CLICKED_ROWS, WEIGHT], 1)
    assert (found[CLICKED_ROWS:, CLICKED] == -1).all()


def test_the_preference_of_the_night_follows_from_it():
    """(sum of clicked) / (n + 5) - (sum of skipped) / (m + 5), as ``jobs.features.estimators.preference`` has it."""
    told = told_of(np.random.default_rng(2), 40, 80)
    found = user_history(**told)
    halves = [(found[:, WEIGHT] * (found[:, CLICKED] == sign)) for sign in (1, -1)]
    again = [(weight[:, None] * found[:, :160]).sum(0) / (weight.sum() + 5) for weight in halves]
    clicked = told["clicked"].astype(np.int64)
    (wanted,) = preferences(told["vectors"], clicked, np.array([0]), np.array([len(clicked)]))
    np.testing.assert_allclose(again[0] - again[1], wanted, atol=2e-4)


def test_covers_without_a_vector_count_for_nothing():
    told = told_of(np.random.default_rng(3), 2, 1)
    told["vectors"][0] = np.nan
    assert user_history(**told)[:, KNOWN].sum() == 2
    told["vectors"][:] = np.nan
    assert user_history(**told) is None


def test_directions_are_grouped_whatever_their_length():
    vectors = np.array([[1, 0], [5, 0.1], [0, 1], [0, 3], [-2, 0]], float)
    assert grouped(vectors, 3).tolist() == [0, 0, 2, 2, 1]
    assert grouped(np.zeros((4, 2)), 2).max() == 0


def test_events_of_the_log_newest_first_with_age_and_examination():
    events = pl.DataFrame(
        {
            "ts": [datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 23, tzinfo=UTC)],
            "position": [1, 9],
            "clicked": [True, True],
        }
    )
    vectors = np.eye(160)[:2]
    found = history_of_events(events, vectors, np.array([1.0, 0.5]), date(2026, 3, 1))
    assert found[:2, :2].tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(found[:2, AGE], np.log1p([1, 12]) / AGE_SCALE, atol=1e-4)
    assert found[:2, EXAMINATION].tolist() == [0.5, 1.0]


def test_histories_of_the_lake_are_those_users_own_and_end_with_the_day(make_context):
    ctx = make_context(ds="2026-03-29")
    axis = np.eye(160, dtype=np.float32)
    covers = [
        {"cover_id": f"c{n}", "encoder_id": "e", "embedding": axis[n, :128].tolist(), "style": axis[n, :32].tolist()}
        for n in range(2)
    ]
    tiny.write(ctx, [{"ds": "2026-03-29", "position": 1, "examination": 1.0, "impressions": 9}], POSITION_BIAS)
    tiny.write(ctx, covers, COVER_FEATURES)
    shown = [
        ("u1", "c0", 29, True),
        ("u1", "c1", 28, False),
        ("u1", "gone", 28, True),  # without a vector
        ("u1", "c1", 30, True),  # a day too late
        ("u2", "c0", 29, True),
        ("u3", "gone", 29, True),
    ]
    rows = [
        {
            "ds": f"2026-03-{day}", "impression_id": f"i{n}", "request_id": f"r{n}", "user_id": user, "item_id": "x",
            "ts": datetime(2026, 3, day, 12, tzinfo=UTC), "cover_id": cover, "position": 1, "clicked": clicked,
            "title": None, "dwell_ms": None, "propensity": None, "policy": None,
        }
        for n, (user, cover, day, clicked) in enumerate(shown)
    ]  # fmt: skip
    tiny.write(ctx, rows, IMPRESSIONS)
    found = read_user_histories(ctx.lake, date(2026, 3, 29), ["u1", "u3"], "e")
    assert set(found) == {"u1"}
    assert found["u1"][:, KNOWN].sum() == 2
    np.testing.assert_array_equal(found["u1"][0, :128], axis[0, :128])
    assert found["u1"][:2, CLICKED].tolist() == [1, -1]
