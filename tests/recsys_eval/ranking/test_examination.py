"""Inverse examination weights: the weighted metric estimates the true one, the plain one does not."""

import numpy as np
import pytest

from jobs.lake.examination import examination_at
from recsys_eval.metrics.ranking import discounted_gain, ndcg
from recsys_eval.ranking.examination import (
    MOST_WEIGHT,
    click_weights,
    effective_size,
    load_examination,
)
from tests.support.worlds.known_world import DS, PAGE


def test_examination_is_read_by_place_and_the_last_one_stands_for_later_places(telling_night):
    known = load_examination(telling_night.lake, DS)
    assert examination_at(known, np.array([1, 4, PAGE, PAGE + 5])) == pytest.approx([1.0, 0.5, PAGE**-0.5, PAGE**-0.5])


def test_weights_are_inverse_and_clipped():
    assert click_weights(np.array([1.0, 0.5, 0.1, 0.01])).tolist() == [1.0, 2.0, MOST_WEIGHT, MOST_WEIGHT]


def test_effective_size_by_hand():
    assert effective_size(np.array([3.0, 3.0])) == pytest.approx(2.0)
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert effective_size(np.zeros(0)) == 0.0


@pytest.mark.parametrize("order", ["by taste", "random"])
def test_the_weighted_metric_is_unbiased_and_the_plain_one_is_not(order):
    """400 days of clicks on 300 requests of 6 places whose click probabilities are known.

    The ranker to be judged scores at random, so the truth is what chance gives it; the log showed the items in its own
    order. Weighted clicks estimate the truth of both; plain clicks favour what was shown on top.
    """
    rng = np.random.default_rng(7)
    requests, page = 300, 6
    groups = np.repeat(np.arange(requests), page)
    place = np.tile(np.arange(1, page + 1), requests)
    chance = rng.beta(1, 6, (requests, page))
    if order == "by taste":
        chance = -np.sort(-chance, axis=1)
    chance, examined = chance.ravel(), place**-0.6
    weights = click_weights(examined)
    for scores in (-place.astype(float), rng.random(requests * page)):
        truth = discounted_gain(groups, scores, chance).sum() / chance.sum()
        gained, ideal, plain = np.zeros(400), np.zeros(400), np.zeros(400)
        for day in range(400):
            clicked = rng.random(chance.size) < chance * examined
            gained[day] = discounted_gain(groups, scores, clicked * weights).sum()
            ideal[day] = (clicked * weights).sum()
            plain[day] = np.nanmean(ndcg(groups, scores, clicked))
        weighted = gained.sum() / ideal.sum()
        error = (gained / ideal).std() / np.sqrt(400)
        assert weighted == pytest.approx(truth, abs=4 * error)
        if scores[0] == -1.0:  # the order of the log itself: what plain clicks make of it
            assert plain.mean() > truth + 20 * error
