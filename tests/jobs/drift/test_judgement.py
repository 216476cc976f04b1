import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from conf.drift import DriftLimits, DriftSettings
from jobs.drift.judgement import judge_gross, judge_scores, judge_shares, judge_value, stability_index

DEFAULT = DriftSettings()
CHANCE = np.random.default_rng(5)


def test_the_robust_z_by_hand_and_by_scipy():
    """Median 6, absolute deviations 4 3 1 0 2 3 94: their median is 3, so z of 15 is 9 / (1.4826 * 3)."""
    before = [2.0, 3.0, 5.0, 6.0, 8.0, 9.0, 100.0]
    found = judge_value("mean_position", 15.0, before, DEFAULT)
    assert found.score == pytest.approx(9 / (1.4826 * 3), rel=1e-4)
    assert found.score == pytest.approx(9 / median_abs_deviation(before, scale="normal"))
    assert (found.usual, found.low, found.high) == (6.0, 0.0, pytest.approx(6 + 6 * 1.4826 * 3, rel=1e-4))


@pytest.mark.parametrize(
    ("figure", "value", "before", "verdict"),
    [
        ("refused_share", 0.005, 0.0, "usual"),
        ("refused_share", 0.007, 0.0, "warn"),
        ("rows", 1059, 1000.0, "usual"),
        ("rows", 1061, 1000.0, "warn"),
        ("rows", 100, 1000.0, "warn"),
        ("rows", 99, 1000.0, "stop"),
        ("clicked_share", 0.0, 0.05, "stop"),
        ("clicked_share", 0.0, 0.0, "usual"),
        ("centroid_movement", 0.1, 0.0, "warn"),
    ],
)
def test_what_never_moved_is_not_far_off_at_its_first_tremor(figure, value, before, verdict):
    assert judge_gross(figure, value, [before] * 14, DEFAULT).verdict == verdict


def test_limits_are_of_the_kind_or_the_figures_own_and_may_be_off():
    own = DriftSettings(figures={"rows": DriftLimits(stop=8.0)}, least_rows_share=None)
    found = judge_gross("rows", 1, [1000.0] * 14, own)
    assert (found.verdict, found.low, found.high) == ("stop", 920.0, 1080.0)
    off = DriftSettings(robust_z=DriftLimits(), stop_without_clicks=False)
    found = judge_gross("clicked_share", 0.0, [0.05] * 14, off)
    assert (found.verdict, found.low, found.high, str(found)) == ("usual", None, None, "clicked_share is 0")


def test_the_stability_index_of_a_shift_and_of_none():
    assert stability_index([30, 70], [300, 700]) == pytest.approx(0, abs=1e-4)
    first, second = np.array([10.5, 50.5, 40.5]) / 101.5, np.array([40.5, 50.5, 10.5]) / 101.5
    assert stability_index([10, 50, 40], [40, 50, 10]) == pytest.approx(
        ((first - second) * np.log(first / second)).sum()
    )


def test_few_rows_alone_are_no_shift():
    """Samples of one distribution over 24 hours: hardly any is told, though the index of so few is over the limit."""
    shares = CHANCE.dirichlet(np.full(24, 5.0))
    told, over = 0, 0
    for _ in range(500):
        now, before = CHANCE.multinomial(60, shares).tolist(), CHANCE.multinomial(840, shares).tolist()
        found = judge_shares("hours", now, before, 14, DEFAULT)
        told, over = told + (found.verdict == "warn"), over + (found.value > 0.25)
    assert over > 300
    assert told <= 3
    assert judge_shares("hours", [60, *[0] * 23], [35] * 24, 14, DEFAULT).verdict == "warn"


def test_scores_are_told_where_the_distance_is_large_and_no_chance():
    before = CHANCE.normal(0, 1, 2000)
    assert judge_scores("planned_gains", CHANCE.normal(0, 1, 500), before, 14, DEFAULT).verdict == "usual"
    assert judge_scores("planned_gains", CHANCE.normal(0.2, 1, 500), before, 14, DEFAULT).verdict == "usual"
    found = judge_scores("planned_gains", CHANCE.normal(2, 1, 500), before, 14, DEFAULT)
    assert (found.verdict, found.high) == ("warn", 0.3)
    assert found.value == pytest.approx(0.68, abs=0.05)  # 2 Phi(1) - 1
    assert judge_scores("planned_gains", np.array([2.0]), before, 14, DEFAULT).verdict == "usual"
