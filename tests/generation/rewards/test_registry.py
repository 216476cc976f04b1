"""Rewards by name and weight, differentiable or not by declaration."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from conf.settings import RewardModels, RewardWeights
from generation.rewards.base import RewardPanel
from generation.rewards.diversity import Diversity
from generation.rewards.personal import Personal
from generation.rewards.registry import REWARDS, Ingredients, build_panel
from generation.rewards.relevance import Relevance
from generation.rewards.smooth import SmoothAesthetic, smooth_statistics
from generation.rewards.view import PictureView
from reward_model.encoders.model import Encoded
from tests.generation.rewards.test_base import Fixed, batch


def random_batch(rows, seed=0):
    rng = np.random.default_rng(seed)

    def unit(width):
        vectors = rng.normal(size=(rows, width)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return replace(
        batch(rows),
        pictures=rng.integers(0, 256, (rows, 64, 64, 3), dtype=np.uint8),
        embeddings=unit(128),
        styles=unit(32),
        reference_embeddings=unit(128),
        text_embeddings=unit(128),
        prompts=["fox"] * rows,
    )


class Liking:
    """A personal reward that likes the first axis of style."""

    def segment_click_probability(self, segment_ids, item_ids, embeddings, styles):
        return np.asarray(styles[:, 0], np.float64)


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


def test_diversity_is_the_distance_to_other_segments_covers_of_the_item():
    styles = np.zeros((4, 32), np.float32)
    styles[0, 0] = styles[1, 1] = styles[2, 0] = styles[3, 0] = 1.0
    pictures = replace(batch(4), styles=styles, item_ids=["a", "a", "a", "b"], segment_ids=["s", "t", "u", "s"])
    # 0 and 2 look alike, 1 is at right angles to both; 3 has no company.
    np.testing.assert_allclose(Diversity().score(pictures), [0.5, 1.0, 0.5, np.nan])
    two_of_one = replace(pictures, segment_ids=["s", "s", "t", "s"])
    np.testing.assert_allclose(Diversity().score(two_of_one), [0.0, 1.0, 0.5, np.nan])


def test_the_smooth_statistics_are_near_those_of_the_proxy():
    from generation.rewards.aesthetic import statistics_of

    pictures = np.full((1, 64, 64, 3), 255, np.uint8)
    pictures[0, 16:48, 16:48] = (200, 30, 30)
    smooth = smooth_statistics(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(smooth.numpy(), statistics_of(pictures), atol=0.01)


def test_gradients_reach_the_pixels_and_raise_the_rewards():
    aesthetic = SmoothAesthetic(random_batch(40).pictures)
    pixels = torch.full((2, 3, 64, 64), 0.5) + 0.1 * torch.rand(
        2, 3, 64, 64, generator=torch.Generator().manual_seed(0)
    )
    seen = []
    for _ in range(5):
        pixels = pixels.detach().requires_grad_()
        view = PictureView(pixels, None, *torch.zeros(2, 2, 128), ["i"] * 2, ["s"] * 2, ["fox"] * 2)
        value = aesthetic.value(view).sum()
        value.backward()
        assert torch.isfinite(pixels.grad).all()
        seen.append(float(value))
        pixels = pixels + 0.02 * pixels.grad.sign()
    assert seen[-1] > seen[0]


def test_relevance_is_differentiable_in_the_embedding():
    embedding = torch.nn.functional.normalize(torch.randn(2, 128), dim=1).requires_grad_()
    reference, text = torch.nn.functional.normalize(torch.randn(2, 2, 128), dim=2)
    names = (["i"] * 2, ["s"] * 2, ["fox"] * 2)
    view = PictureView(torch.zeros(2, 3, 64, 64), None, reference, text, *names, Encoded(embedding, embedding[:, :32]))
    Relevance().value(view).sum().backward()
    torch.testing.assert_close(embedding.grad, 0.75 * reference + 0.25 * text)


def test_a_personal_reward_without_gradient_says_what_to_do():
    with pytest.raises(TypeError, match=r"reward_model\.gradient\.ClickGradient"):
        Personal(Liking()).value(PictureView.of(random_batch(2)))
