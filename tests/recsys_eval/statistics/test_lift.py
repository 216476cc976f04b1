import numpy as np
import pytest
from scipy import stats

from recsys_eval.statistics.lift import Estimate, estimate, minimum_detectable, normal_p, resampled_ratios, user_sums


def test_ratios_are_sums_over_sums():
    ratios = resampled_ratios(
        np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[4.0, 4.0], [4.0, 12.0]]), resamples=50, seed=1
    )
    assert ratios.value == pytest.approx([4 / 8, 4 / 16])
    assert ratios.lift(0, 1).value == pytest.approx(1.0)
    assert ratios.difference(0, 1).value == pytest.approx(0.25)
    assert ratios.draws.shape == (50, 2)
    # a resample is (2,0), (1,1) or (0,2): only these ratios can appear
    assert set(ratios.draws[:, 0].round(6)) <= {0.25, 0.5, 0.75}


def test_interval_of_a_mean_agrees_with_the_t_interval():
    values = np.random.default_rng(0).normal(1.0, 2.0, 2000)
    ratios = resampled_ratios(values[:, None], np.ones((2000, 1)), resamples=2000, seed=2)
    low, high = stats.t.interval(0.95, 1999, loc=values.mean(), scale=stats.sem(values))
    found = ratios.estimate(0)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)


def test_the_normal_p_is_that_of_the_t_test_of_many_users_and_goes_below_what_resamples_can_tell():
    values = np.random.default_rng(3).normal(0.2, 2.0, 3000)
    found = resampled_ratios(values[:, None], np.ones((3000, 1)), resamples=2000, seed=2).estimate(0, null=0.0)
    expected = stats.ttest_1samp(values, 0.0).pvalue
    assert expected < 1e-6 < found.p
    assert np.log(normal_p(found)) == pytest.approx(np.log(expected), rel=0.1)
    assert normal_p(Estimate(value=0.0, low=-1.0, high=1.0, detectable=1.0)) == 1
    assert normal_p(Estimate(value=1.0, low=0.0, high=2.0)) == 1  # nothing was resampled
    assert normal_p(estimate(1.0, np.ones(1), null=0.0)) == 1  # one draw has no deviation


def test_pairing_cancels_what_users_share():
    rng = np.random.default_rng(5)
    shared = rng.normal(10, 5, (300, 1))
    numerator = shared + np.array([[0.0, 0.1]]) + rng.normal(0, 0.01, (300, 2))
    ratios = resampled_ratios(numerator, np.ones((300, 2)), resamples=500, seed=3)
    paired = ratios.difference(1, 0)
    assert paired.value == pytest.approx(0.1, abs=0.005)
    assert paired.high - paired.low < 0.01 < ratios.estimate(0).high - ratios.estimate(0).low
    assert paired.p == pytest.approx(2 / 501)


def test_p_is_two_sided_and_uniform_without_an_effect():
    ps = []
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0, 1, 60)
        found = resampled_ratios(values[:, None], np.ones((60, 1)), resamples=200, seed=seed).estimate(0, null=0.0)
        ps.append(found.p)
    assert 0.01 < np.mean(np.array(ps) < 0.05) < 0.12
    assert 0.4 < np.mean(ps) < 0.6


def test_an_effect_of_the_minimum_detectable_size_is_found_in_four_samples_of_five():
    rng = np.random.default_rng(9)
    effect = minimum_detectable(rng.normal(0, 1 / np.sqrt(400), 50_000))  # the spread of a mean of 400
    assert effect == pytest.approx(2.80 / np.sqrt(400), rel=0.02)
    found = np.array([stats.ttest_1samp(rng.normal(effect, 1, 400), 0.0).pvalue < 0.05 for _ in range(500)])
    assert found.mean() == pytest.approx(0.8, abs=0.06)


def test_estimate_leaves_out_undefined_draws():
    found = estimate(2.0, np.array([1.0, np.nan, 3.0]), null=0.0)
    assert (found.value, found.p) == (2.0, pytest.approx(2 / 3))
    assert found.low == pytest.approx(1.05)
    assert np.isnan(estimate(1.0, np.array([np.nan])).low)


def test_many_users_in_buckets_give_the_interval_of_users():
    rng = np.random.default_rng(6)
    shown = rng.poisson(8, (30_000, 1)) + 1.0
    clicks = rng.binomial(shown.astype(int), 0.1).astype(float)
    ratios = resampled_ratios(clicks, shown, resamples=1500, seed=4)
    assert ratios.value == pytest.approx(clicks.sum() / shown.sum(), rel=1e-12)
    residual = clicks - ratios.value * shown  # the delta method's standard error, over users
    error = np.sqrt((residual**2).sum()) / shown.sum()
    assert ratios.draws.std() == pytest.approx(error, rel=0.06)
    assert ratios.draws.mean() == pytest.approx(float(ratios.value[0]), abs=error / 10)
    again = resampled_ratios(clicks, shown, resamples=1500, seed=4)
    np.testing.assert_array_equal(ratios.draws, again.draws)


def test_user_sums_count_defined_values_only():
    total, count = user_sums(np.array([1, 1, 0, 1]), np.array([2.0, 4.0, np.nan, np.nan]), 3)
    assert total.tolist() == [0, 6, 0]
    assert count.tolist() == [0, 2, 0]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(users, columns\)"):
        resampled_ratios(np.ones((2, 1)), np.ones((2, 2)), resamples=50, seed=0)
    with pytest.raises(ValueError, match="no users"):
        resampled_ratios(np.ones((0, 1)), np.ones((0, 1)), resamples=50, seed=0)
