"""Eyes of readers, with the real encoder, real drawings and readers that are sure or untrained."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conf.settings import RewardModels, RewardWeights
from generation.diffusion.data import load_drawings, planes_of
from generation.diffusion.reader import Reader, Reading
from generation.personalization.icg.eyes import DISTANCE, ReadReward
from generation.personalization.icg.painting import WorldBatch
from generation.rewards.personal import Personal
from generation.rewards.registry import Ingredients, build_panel
from jobs.ingest.stickers.pack import FAMILIES, PicturePack
from reward_model.encoders import EMBED_DIM, load_encoders
from tests.generation.rewards.test_registry import Liking, random_batch


class Sure(nn.Module):
    """Takes every picture for one family's."""

    def __init__(self, family):
        super().__init__()
        self.family = family

    def forward(self, pixels):
        logits = torch.zeros(len(pixels), len(FAMILIES))
        logits[:, self.family] = 50.0
        return Reading(subject=F.normalize(pixels.flatten(1), dim=1), family=logits)


@pytest.fixture(scope="module")
def encoders():
    torch.set_num_threads(1)
    return load_encoders()


@pytest.fixture(scope="module")
def drawings(encoders):
    return load_drawings(PicturePack.load().sample(40), encoders, "train")


@pytest.fixture(scope="module")
def reward(encoders, drawings):
    def made(readers, recognised=0.5, **weights):
        liking = Personal(Liking(), lambda whom, items, vectors: vectors[:, EMBED_DIM])
        given = Ingredients(reference=random_batch(40), personal=liking, models=RewardModels(), differentiable=True)
        panel = build_panel(RewardWeights(**{"relevance": 0, "aesthetic": 0, **weights}), given)
        return ReadReward(panel, encoders.image, readers, drawings, recognised=recognised)

    return made


def batch_of(reference):
    rows = len(reference)
    return WorldBatch(
        reference=reference,
        text=torch.zeros(rows, 384),
        places=torch.zeros(rows, 16, 1280),
        preference=torch.zeros(rows, 160),
        reference_embeddings=torch.zeros(rows, 128),
        text_embeddings=torch.zeros(rows, 128),
        **dict.fromkeys(("item_ids", "whom", "titles"), ["x"] * rows),
    )


def test_the_click_model_is_told_of_real_drawings_of_the_recognised_families(reward, drawings):
    original = planes_of(drawings.pixels[:3])
    pixels, batch = (original + 1) / 2, batch_of(original)
    style = {family: drawings.look[drawings.family == family, EMBED_DIM:].mean(0) for family in (1, 4)}
    for readers, mean in (([Sure(4)], style[4]), ([Sure(1), Sure(4)], (style[1] + style[4]) / 2)):
        seen = reward(readers)(pixels, batch).parts["personal"].numpy()
        np.testing.assert_allclose(seen, mean[0] / np.linalg.norm(mean), atol=1e-4)


def test_what_a_picture_shows_is_the_encoders_own(reward, encoders, drawings):
    original = planes_of(drawings.pixels[:3])
    pixels, batch = (original + 1) / 2, batch_of(original)
    batch = replace(batch, reference_embeddings=encoders.image(pixels).embedding)
    seen = reward([Sure(0)], relevance=1.0)(pixels, batch).parts["relevance"]
    torch.testing.assert_close(seen, torch.full((3,), 0.75), atol=1e-3, rtol=0)


def test_the_same_subject_is_recognised_and_another_is_not(reward, drawings):
    original = planes_of(drawings.pixels[:4])
    batch, weight = batch_of(original), 0.5
    kept, without = (reward([Sure(0), Sure(1)], each)((original + 1) / 2, batch) for each in (weight, 0.0))
    torch.testing.assert_close(kept.parts["recognised"], torch.ones(4), atol=1e-2, rtol=0)
    gained = weight * kept.parts["recognised"] / DISTANCE
    torch.testing.assert_close(kept.total, without.total + gained, atol=1e-4, rtol=0)
    swapped = reward([Sure(0), Sure(1)])((original.roll(2, 0) + 1) / 2, batch)
    assert (swapped.total < kept.total).all()


def test_gradients_of_both_parts_reach_the_pixels_through_real_readers(reward, drawings):
    original = planes_of(drawings.pixels[:2])
    readers = [Reader().eval() for _ in range(2)]
    for recognised, personal in ((1.0, 0.0), (0.0, 1.0)):
        pixels = ((original.roll(1, 0) + 1) / 2).requires_grad_(True)
        reward(readers, recognised, personal=personal)(pixels, batch_of(original)).total.sum().backward()
        assert pixels.grad.abs().sum() > 0
