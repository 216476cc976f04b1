"""Rewards by name and weight, differentiable or not by declaration."""

from dataclasses import replace

import numpy as np
import pytest

from conf.errors import UsageError
from conf.settings import RewardModels, RewardWeights
from generation.rewards.base import RewardPanel
from generation.rewards.personal import Personal
from generation.rewards.registry import REWARDS, Ingredients, build_panel
from generation.rewards.view import PictureView
from tests.generation.rewards.test_base import Fixed
from tests.support.models.reward_batches import Liking, batch, random_batch


def given(**more):
    return Ingredients(reference=random_batch(40), personal=Personal(Liking()), models=RewardModels(), **more)


def test_every_weight_of_the_settings_names_a_reward():
    assert set(RewardWeights.model_fields) == set(REWARDS)


def test_the_default_panel_is_personal_relevance_and_the_proxy():
    panel = build_panel(RewardWeights(), given())
    assert [(r.name, panel.weights[r.name], r.differentiable) for r in panel.rewards] == [
        ("personal", 1.0, True), ("relevance", 0.25, True), ("aesthetic", 0.25, False),
    ]  # fmt: skip
    raw, _ = panel.score(random_batch(3, seed=1))
    assert set(raw) == {"personal", "relevance", "aesthetic"}


def test_a_reward_without_weight_is_not_built_and_one_without_checkpoint_is_named():
    weights = RewardWeights(personal=0, aesthetic=0)
    assert [reward.name for reward in build_panel(weights, given()).rewards] == ["relevance"]
    with pytest.raises(UsageError, match=r"reward_models\.pickscore"):
        build_panel(RewardWeights(pickscore=1.0), given())


def test_a_panel_says_which_rewards_have_no_gradient():
    panel = RewardPanel([Fixed("a", [0, 1])], {"a": 1.0}, batch(2))
    with pytest.raises(TypeError, match=r"rewards \['a'\] have no gradient"):
        panel.value(PictureView.of(random_batch(2)))


def test_value_and_score_of_a_panel_are_the_same_figures():
    pictures = random_batch(4, seed=2)
    weights = RewardWeights(personal=0, diversity=0.5)
    panel = build_panel(weights, given(differentiable=True))
    pictures = replace(pictures, item_ids=["a", "a", "b", "c"], segment_ids=["s", "t", "s", "s"])
    raw, total = panel.score(pictures)
    tensors, value = panel.value(PictureView.of(pictures))
    np.testing.assert_allclose(value.numpy(), total, atol=1e-4)
    for name, scores in raw.items():
        np.testing.assert_allclose(tensors[name].numpy(), scores, atol=1e-5)
