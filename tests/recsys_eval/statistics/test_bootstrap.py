"""Hand-computed values, the exact law of two clusters, and coverage on data whose mean is known."""

import numpy as np
import pytest

from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean, bootstrap_ratio, paired_bootstrap


def test_the_mean_is_over_rows_and_n_counts_clusters():
    found = bootstrap_mean(np.array([1.0, 2.0, 6.0]), np.array([7, 7, 9]))
    assert found.value == pytest.approx(3.0)  # (1 + 2 + 6) / 3, not the mean of the clusters' means 3.75
    assert found.n == 2


def test_two_clusters_give_the_three_possible_resamples():
    # Clusters a: 0 0 and b: 1. A resample is aa (mean 0), ab (1/3) or bb (1), with chances 1/4, 1/2, 1/4.
    found = bootstrap_mean(np.array([0, 0, 1]), np.array(["a", "a", "b"]))
    assert (found.value, found.low, found.high) == (pytest.approx(1 / 3), 0.0, 1.0)


def test_a_constant_has_no_width():
    assert bootstrap_mean(np.full(6, 0.25), np.arange(6)) == Interval(0.25, 0.25, 0.25, 6)


def test_a_ratio_is_of_sums():
    found = bootstrap_ratio(np.array([1, 3]), np.array([10, 10]), np.array([0, 1]))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.3))


def test_what_both_arms_share_cancels_in_a_paired_difference():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 100, 300)
    found = paired_bootstrap(shared + 1.0, shared, np.arange(300))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))
    assert found.p == pytest.approx(2 / 1001)


def test_an_arm_against_itself_shows_no_difference():
    values = np.random.default_rng(1).normal(size=50)
    found = paired_bootstrap(values, values, np.arange(50))
    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_the_same_seed_gives_the_same_interval():
    values, clusters = np.arange(40.0), np.arange(40) // 2
    assert bootstrap_mean(values, clusters, seed=3) == bootstrap_mean(values, clusters, seed=3)
    assert bootstrap_mean(values, clusters, seed=3) != bootstrap_mean(values, clusters, seed=4)


def test_intervals_cover_the_truth_when_rows_of_a_cluster_agree():
    """Mean 0, cluster effects of deviation 1, 5 rows a cluster: 95 % +- 3.5 points in 400 trials.

    Intervals that resample rows would be sqrt(5) times too narrow and cover about 62 %.
    """
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(80), 5)
    covered = 0
    for trial in range(400):
        values = np.repeat(rng.normal(size=80), 5)
        found = bootstrap_mean(values, clusters, n=400, seed=trial)
        covered += found.low <= 0 <= found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


def test_the_interval_has_the_width_of_the_normal_law():
    values = np.random.default_rng(2).normal(size=2000)
    found = bootstrap_mean(values, np.arange(2000), n=2000)
    expected = 2 * 1.96 * values.std() / np.sqrt(2000)
    assert found.high - found.low == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize(
    ("values", "clusters", "words"),
    [
        (np.array([]), np.array([]), "no rows"),
        (np.array([1.0, np.nan]), np.array([0, 1]), "not finite"),
        (np.array([1.0]), np.array([0, 1]), "one value per row"),
    ],
)
def test_bad_rows_are_named(values, clusters, words):
    with pytest.raises(ValueError, match=words):
        bootstrap_mean(values, clusters)


def test_an_empty_denominator_is_named():
    with pytest.raises(ValueError, match="sums to 0"):
        bootstrap_ratio(np.ones(2), np.zeros(2), np.arange(2))
