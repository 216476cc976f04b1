import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from jobs.features.estimators.position import (
    MIN_EXAMINATION,
    PositionBias,
    adjacent_sums,
    from_adjacent,
    from_randomised,
    relative,
)

TRUE = np.arange(1, 9) ** -0.6


def counts(rates, impressions, seed):
    return np.random.default_rng(seed).binomial(impressions, rates)


def test_randomised_traffic_gives_back_the_examination():
    shown = np.full(8, 100_000)
    found = from_randomised(shown, counts(0.1 * TRUE, shown, 0))
    np.testing.assert_allclose(found.examination, TRUE, atol=0.03)
    assert found.impressions.tolist() == shown.tolist()


def test_adjacent_positions_give_back_the_examination_where_better_items_rank_higher():
    random = np.random.default_rng(1)
    attraction = random.uniform(0.02, 0.4, 400)
    # An item's usual position follows its attraction; it moves around that.
    usual = np.argsort(np.argsort(-attraction)) * 8 // 400
    spread = np.exp(-0.5 * ((np.arange(8) - usual[:, None]) / 1.5) ** 2)
    shown = np.round(4000 * spread).astype(np.int64)
    clicked = random.binomial(shown, attraction[:, None] * TRUE)
    sums = sum(adjacent_sums(n, c) for n, c in zip(shown, clicked, strict=True))
    found = from_adjacent(sums, shown.sum(axis=0))
    np.testing.assert_allclose(found.examination, TRUE, atol=0.04)
    naive = clicked.sum(axis=0) / shown.sum(axis=0)
    assert np.abs(naive / naive[0] - TRUE).max() > 0.1


def test_noise_is_smoothed_as_scikit_learn_does():
    rates, shown = np.array([0.2, 0.08, 0.12, 0.05]), np.array([50, 30, 10, 10])
    expected = IsotonicRegression(increasing=False).fit_transform(np.arange(4), rates, sample_weight=shown)
    np.testing.assert_allclose(relative(rates, shown), expected / expected[0])
    # Positions 2 and 3 pool to (30 * 0.08 + 10 * 0.12) / 40 = 0.09.
    np.testing.assert_allclose(relative(rates, shown), [1, 0.45, 0.45, 0.25])


def test_a_position_that_was_never_shown_lies_between_its_neighbours():
    np.testing.assert_allclose(relative(np.array([0.2, 0.0, 0.1]), np.array([10, 0, 10])), [1, 0.75, 0.5])


def test_a_position_never_clicked_keeps_the_least_examination():
    assert from_randomised(np.array([100, 100]), np.array([10, 0])).examination.tolist() == [1.0, MIN_EXAMINATION]


def test_no_clicks_at_all_say_nothing():
    assert from_randomised(np.array([10, 10]), np.array([0, 0])).examination.tolist() == [1.0, 1.0]


def test_one_position_alone():
    assert from_adjacent(np.zeros((2, 0)), np.array([7])).examination.tolist() == [1.0]


def test_positions_beyond_the_last_get_the_last():
    bias = PositionBias(examination=np.array([1.0, 0.5, 0.4]), impressions=np.array([1, 1, 1]))
    assert bias.of(np.array([3, 4, 100])) == pytest.approx([0.4, 0.4, 0.4])
