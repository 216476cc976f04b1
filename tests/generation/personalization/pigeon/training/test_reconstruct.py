"""Painting drawings again."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from generation.alignment.monitor import drawings_of
from generation.diffusion.training.losses import PerceptualLoss
from generation.personalization.pigeon.personal import fresh, spoken_by
from generation.personalization.pigeon.training.painting import PigeonPainting, painting_parameters
from generation.personalization.pigeon.training.reconstruct import (
    Reconstruct,
    ReconstructWatch,
    propensity_weights,
)


def test_weights_are_one_over_the_propensity_and_rare_ones_are_cut():
    """1 / 0.8 and 1 / 0.01 with the mean 1; of 200 rows two are cut to the 99th percentile."""
    found = propensity_weights([0.8] * 198 + [0.01, 0.001])
    assert found.mean() == pytest.approx(1.0, rel=1e-5)
    assert found[199] == found[198] < 100 / 1.25 * found[0] * 1.001
    np.testing.assert_allclose(propensity_weights([0.5, 0.25]), [2 / 3, 4 / 3], rtol=0.02)


def test_made_up_users_are_painted_what_they_like_from_another_drawing(sampler, drawings):
    task = sampler.draw(3)
    taste = sampler.crowd.draw(3, 2).taste
    for row, wanted in zip((2, 3), taste.argmax(1), strict=True):
        subject = drawings.codes.index(task.batch.item_ids[row])
        pixels = drawings.pixels[sampler.rows_of[subject, wanted]]
        np.testing.assert_allclose(task.target[row].permute(1, 2, 0), pixels / 127.5 - 1, atol=1e-5)
        assert not torch.equal(task.target[row], task.batch.reference[row])
    assert torch.equal(task.target, sampler.draw(3).target)
    assert task.weight[2:].tolist() == [1.0, 1.0]


def test_a_task_knows_every_drawing_of_its_subject_and_which_was_chosen(sampler, drawings):
    task = sampler.draw(2)
    for row, item in enumerate(task.batch.item_ids):
        rows = sampler.rows_of[drawings.codes.index(item)]
        assert task.drawn[row].tolist() == (rows >= 0).tolist()
        chosen = rows[task.chosen[row]]
        np.testing.assert_array_equal(task.styles[row, task.chosen[row]], drawings.look[chosen, 128:])


@pytest.mark.parametrize("asks", ["choice", "pixels"])
def test_steps_move_the_way_of_painting_alone_and_are_watched(painter, sampler, pack, asks):
    settings = replace(sampler.settings, asks=asks)
    pigeon = fresh(painter.conditioning, seed=0)
    painting = PigeonPainting(pigeon, spoken_by(painter.conditioning), painter.unet, guidance=1.0, device="cpu")
    style = partial(F.adaptive_avg_pool2d, output_size=(4, 2))  # any 32 numbers that pictures differ in
    tuner = Reconstruct(
        painting,
        painting_parameters(pigeon),
        PerceptualLoss(sampler.backbone),
        lambda pixels: F.pad(style(pixels).flatten(1), (0, 8)),
        settings,
    )
    before = {name: weight.detach().clone() for name, weight in pigeon.named_parameters()}
    task = sampler.draw(0)
    losses = [tuner.learn(lambda _step: task)["loss"] for _ in range(5)]
    assert losses[-1] < losses[0]
    moved = {name for name, weight in pigeon.named_parameters() if not torch.equal(weight, before[name])}
    assert moved <= set(painting_parameters(pigeon))
    assert "connector.tokens.weight" in moved
    drawn, present = drawings_of(pack, task.batch.item_ids)
    look, sheet = ReconstructWatch(tuner, task, drawn, present)(5)
    assert look.reward.shape == look.monitor.shape == (4,)
    assert sheet.shape == (3, 3 * 64, 4 * 64)
