from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize, stats

from jobs.features.estimators.beta import MAX_STRENGTH, BetaPrior, Moments, fit, fit_windows, overall_rate


def test_fit_by_hand():
    # Two users, 2 and 8 clicks of 20: p = 10.5/41, S = 0.9, m - 1 = 1, N - sum n^2 / N - 1 = 19.
    p = Fraction(21, 82)
    correlation = (Fraction(9, 10) / (p * (1 - p)) - 1) / 19
    strength = 1 / correlation - 1
    prior = fit(Moments.of([2, 8], [20, 20]))
    assert prior.strength == pytest.approx(float(strength), rel=1e-5)
    assert prior.strength == pytest.approx(4.10188, abs=1e-4)
    assert prior.mean == pytest.approx(21 / 82)


def test_fit_finds_the_truth_and_agrees_with_scipys_maximum_likelihood():
    random = np.random.default_rng(0)
    trials = random.integers(5, 200, 5000)
    clicks = stats.betabinom(trials, 3.0, 45.0).rvs(random_state=random)
    prior = fit(Moments.of(clicks, trials))
    assert prior.mean == pytest.approx(3 / 48, rel=0.03)
    assert prior.strength == pytest.approx(48, rel=0.1)

    def loss(log_ab):
        return -stats.betabinom(trials, *np.exp(log_ab)).logpmf(clicks).sum()

    a, b = np.exp(optimize.minimize(loss, np.log([1.0, 10.0]), method="Nelder-Mead").x)
    assert prior.mean == pytest.approx(a / (a + b), rel=0.02)
    assert prior.strength == pytest.approx(a + b, rel=0.15)


@pytest.mark.parametrize(("clicks", "trials"), [(0, 0), (0, 9), (3, 9), (9, 9)])
def test_smoothing_is_the_mean_of_the_posterior(clicks, trials):
    prior = BetaPrior(a=1.5, b=20.0)
    posterior = stats.beta(1.5 + clicks, 20.0 + trials - clicks)
    assert prior.smooth(clicks, trials) == pytest.approx(posterior.mean())


def test_more_clicks_than_examinations_stay_a_probability():
    assert BetaPrior(a=0.1, b=0.9).smooth([3], [0.5]).tolist() == [1.0]


def test_no_spread_beyond_chance_gives_the_strongest_prior():
    prior = fit(Moments.of([1, 1, 1], [10, 10, 10]))
    assert prior.strength == MAX_STRENGTH


def test_parts_add_up_exactly_in_any_order():
    random = np.random.default_rng(1)
    trials = random.integers(1, 50, 1000)
    clicks = random.binomial(trials, 0.1)
    whole = Moments.of(clicks, trials)
    for order in (np.arange(1000), random.permutation(1000)):
        parts = Moments()
        for rows in np.array_split(order, 37):
            parts += Moments.of(clicks[rows], trials[rows])
        assert parts == whole


def test_windows_that_cannot_tell_borrow_from_the_longer_one():
    longest = Moments.of([2, 8], [20, 20])
    priors = fit_windows({28: longest, 7: Moments.of([1], [3]), 1: Moments()})
    assert priors[1] == priors[7] == priors[28] == fit(longest)


def test_one_user_counts_as_one_click_at_the_overall_rate():
    moments = Moments.of([1], [5])
    assert fit(moments) is None
    assert overall_rate(moments) == 0.25
    assert fit_windows({28: moments})[28] == BetaPrior(a=1.0, b=3.0)
