import numpy as np
import pytest

from generation.rewards.base import Normaliser, RewardPanel
from tests.support.models.reward_batches import batch


class Fixed:
    differentiable = False

    def __init__(self, name, *answers):
        self.name, self.answers = name, {len(answer): np.asarray(answer, float) for answer in answers}

    def score(self, batch):
        return self.answers[len(batch)]


def test_normalised_by_mean_and_deviation_of_real_covers():
    normaliser = Normaliser.fit(np.array([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]))  # mean 5, deviation 2
    assert (normaliser.mean, normaliser.deviation) == (5.0, 2.0)
    assert normaliser.apply(np.array([9.0, 1.0])).tolist() == [2.0, -2.0]


def test_a_reward_without_spread_is_only_centred():
    assert Normaliser.fit(np.array([3.0, 3.0])).apply(np.array([3.5])).tolist() == [0.5]
    assert Normaliser.fit(np.array([np.nan])).apply(np.array([2.0])).tolist() == [2.0]


def test_the_sum_weighs_normalised_rewards():
    # reference of 4: a has mean 0 and deviation 1, b mean 10 and deviation 5
    rewards = [Fixed("a", [-1, 1, -1, 1], [2, 0]), Fixed("b", [5, 15, 5, 15], [np.nan, 20])]
    raw, total = RewardPanel(rewards, {"a": 1.0, "b": 0.5}, batch(4)).score(batch(2))
    assert raw["a"].tolist() == [2, 0]
    assert total.tolist() == [1.0 * 2 + 0, 0 + 0.5 * 2]


def test_a_reward_without_weight_is_an_error():
    with pytest.raises(ValueError, match=r"weights have no value for the rewards \['a'\]"):
        RewardPanel([Fixed("a", [0, 1])], {}, batch(2))
