"""Pigeon with gradients: the painter's own pictures."""

import numpy as np
import torch

from generation.personalization.pigeon.personal import spoken_by
from generation.personalization.pigeon.training.painting import HistoryBatch, PigeonPainting, painting_parameters
from generation.personalization.pigeon.training.taste import taste_parameters
from generation.personalization.training.painting import WorldBatch
from tests.generation.personalization.pigeon.conftest import a_history


def a_batch(rows=2, ratio=0.0):
    rng = torch.Generator().manual_seed(4)
    told = WorldBatch(
        reference=torch.rand(rows, 3, 64, 64, generator=rng) * 2 - 1,
        text=torch.nn.functional.normalize(torch.randn(rows, 384, generator=rng)),
        places=torch.randn(rows, 16, 1280, generator=rng),
        preference=torch.randn(rows, 160, generator=rng),
        reference_embeddings=torch.zeros(rows, 128),
        text_embeddings=torch.zeros(rows, 128),
        item_ids=["a"] * rows,
        whom=["b"] * rows,
        titles=["c"] * rows,
    )
    history = torch.from_numpy(np.stack([a_history(each) for each in range(rows)]))
    return HistoryBatch.of(told, history, torch.full((rows,), ratio), torch.zeros(rows, 16, dtype=torch.bool))


def test_it_is_differentiable_in_everything_that_reads_and_in_nothing_beneath(painter, moved):
    pigeon = moved.requires_grad_(True)
    painting = PigeonPainting(pigeon, spoken_by(painter.conditioning), painter.unet, guidance=1.15, device="cpu")
    batch = a_batch(ratio=0.4)
    noise = torch.randn(2, *painting.shape, generator=torch.Generator().manual_seed(1))
    clean = painting.predict_clean(
        painting.start(batch, noise).x, painting.schedule(1), 0, batch, painting.condition(batch)
    )
    clean.square().mean().backward()
    reached = {name for name, weight in pigeon.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {"taste.weight", "item.picture.weight", "connector.tokens.weight"} <= reached
    assert any(name.startswith("mask.layer") for name in reached)
    assert all(weight.grad is None for weight in painter.unet.parameters())
    pigeon.zero_grad(set_to_none=True)
    pigeon.requires_grad_(False)


def test_every_weight_is_of_one_part_of_the_training(moved):
    painting, taste = set(painting_parameters(moved)), set(taste_parameters(moved))
    assert painting.isdisjoint(taste)
    assert painting | taste == {name for name, _ in moved.named_parameters()}
