import numpy as np
import pytest

from recsys_eval.experiment.ab import compare


def test_rates_by_hand():
    user = np.array([10, 10, 20, 20, 30, 30, 30, 30])
    treated = np.array([1, 1, 1, 1, 0, 0, 0, 0], bool)
    clicked = np.array([1, 0, 1, 1, 1, 0, 0, 1], bool)
    found = compare(user, clicked, treated, resamples=50, seed=1)
    assert found.treated.value == pytest.approx(3 / 4)
    assert found.control.value == pytest.approx(2 / 4)
    assert found.difference.value == pytest.approx(1 / 4)
    assert found.lift.value == pytest.approx(1 / 2)
    assert (found.users_treated, found.users_control, found.users, found.impressions) == (2, 1, 3, 8)


def logged(lift, seed, users=800):
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), 20)
    treated = rng.random(users)[user] < 0.5
    rate = rng.beta(2, 18, users)[user] * np.where(treated, 1 + lift, 1.0)
    return user, rng.random(user.size) < rate, treated


def test_a_true_lift_is_found_and_its_absence_is_too():
    found = compare(*logged(0.3, 1), resamples=400, seed=2)
    assert found.lift.low < 0.3 < found.lift.high
    assert found.lift.p < 0.05
    nothing = compare(*logged(0.0, 4), resamples=400, seed=2)
    assert nothing.lift.low < 0 < nothing.lift.high
    assert nothing.difference.p > 0.05


def test_interval_agrees_with_the_delta_method():
    """Deng et al. 2018: the variance of a ratio of user means, without resampling."""
    user, clicked, treated = logged(0.3, 7)
    found = compare(user, clicked, treated, resamples=2000, seed=2)
    variance = 0.0
    for side in (treated, ~treated):
        _, codes = np.unique(user[side], return_inverse=True)
        clicks, shown = np.bincount(codes, weights=clicked[side]), np.bincount(codes)
        rate = clicks.sum() / shown.sum()
        variance += ((clicks - rate * shown) ** 2).sum() / shown.sum() ** 2
    half = 1.96 * np.sqrt(variance)
    assert found.difference.high - found.difference.low == pytest.approx(2 * half, rel=0.06)


def test_nothing_to_compare():
    user, clicked, treated = logged(0.0, 4)
    assert compare(user, clicked, np.ones_like(treated), resamples=50, seed=2) is None
    assert compare(user, np.zeros_like(clicked), treated, resamples=50, seed=2) is None


def test_users_on_both_sides_are_refused():
    with pytest.raises(ValueError, match="1 users are both"):
        compare(np.array([1, 1, 2]), np.array([1, 1, 1], bool), np.array([1, 0, 0], bool), resamples=50, seed=1)
