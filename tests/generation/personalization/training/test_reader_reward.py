"""Eyes of readers, with the real encoder, real drawings and readers that are sure or untrained."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conf.settings import RewardModels, RewardWeights
from generation.diffusion.training.data import load_drawings, planes_of
from generation.diffusion.training.reader import Reader, Reading
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.reader_reward import DISTANCE, ReadReward, Tastes, mean_styles
from generation.rewards.personal import Personal
from generation.rewards.registry import Ingredients, build_panel
from jobs.stickers.pack import FAMILIES, PicturePack
from reward_model.encoders.model import EMBED_DIM, load_encoders
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


def clicks(whom, _items, vectors):
    """Somebody's log odds follow the first value of the style, weakly; "flat" likes everything alike."""
    slope = torch.tensor([0.0 if name == "flat" else 0.3 for name in whom])
    return torch.sigmoid(slope * vectors[:, EMBED_DIM] - 2)


@pytest.fixture(scope="module")
def tastes(drawings):
    return Tastes(clicks, mean_styles(drawings), ["x", "y"], torch.zeros(2, EMBED_DIM))


@pytest.fixture(scope="module")
def reward(encoders, tastes):
    def made(readers, recognised=0.5, personal=1.0, **weights):
        given = Ingredients(
            reference=random_batch(40), personal=Personal(Liking()), models=RewardModels(), differentiable=True
        )
        panel = build_panel(RewardWeights(**{"personal": 0, "relevance": 0, "aesthetic": 0, **weights}), given)
        return ReadReward(panel, tastes, encoders.image, readers, personal=personal, recognised=recognised)

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


def test_everybodys_taste_has_one_spread_and_no_taste_stays_none(tastes, drawings):
    weak, flat = tastes(["x", "flat"])
    first = torch.stack(
        [torch.tensor(drawings.look[drawings.family == each, EMBED_DIM].mean()) for each in range(len(FAMILIES))]
    )
    torch.testing.assert_close(weak, (first - first.mean()) / first.std(correction=0), atol=1e-4, rtol=0)
    assert flat.abs().max() < 1e-4
    torch.testing.assert_close(tastes(["flat", "x"])[1], weak)


def test_a_picture_is_worth_what_the_recognised_families_are(reward, tastes, drawings):
    original = planes_of(drawings.pixels[:3])
    pixels, batch = (original + 1) / 2, batch_of(original)
    worth = tastes(["x"])[0]
    for readers, expected in (([Sure(4)], worth[4]), ([Sure(1), Sure(4)], (worth[1] + worth[4]) / 2)):
        seen = reward(readers, recognised=0.0, personal=2.0)(pixels, batch)
        torch.testing.assert_close(seen.parts["personal"], expected.expand(3), atol=1e-4, rtol=0)
        torch.testing.assert_close(seen.total, 2 * seen.parts["personal"], atol=1e-4, rtol=0)


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
