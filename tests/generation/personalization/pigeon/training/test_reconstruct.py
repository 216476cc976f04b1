"""Painting drawings again."""

import numpy as np
import pytest
import torch

from generation.alignment.monitor import drawings_of
from generation.diffusion.training.losses import PerceptualLoss
from generation.personalization.pigeon.personal import fresh, spoken_by
from generation.personalization.pigeon.training.clicks import clicked_drawings
from generation.personalization.pigeon.training.painting import PigeonPainting, painting_parameters
from generation.personalization.pigeon.training.reconstruct import (
    Reconstruct,
    ReconstructSettings,
    ReconstructWatch,
    TaskSampler,
    propensity_weights,
)
from generation.personalization.pigeon.training.simulated import Crowd
from reward_model.encoders.model import load_backbone
from tests.generation.personalization.pigeon.training.test_clicks import clicks_of


def test_weights_are_one_over_the_propensity_and_rare_ones_are_cut():
    """1 / 0.8 and 1 / 0.01 with the mean 1; of 200 rows two are cut to the 99th percentile."""
    found = propensity_weights([0.8] * 198 + [0.01, 0.001])
    assert found.mean() == pytest.approx(1.0, rel=1e-5)
    assert found[199] == found[198] < 100 / 1.25 * found[0] * 1.001
    np.testing.assert_allclose(propensity_weights([0.5, 0.25]), [2 / 3, 4 / 3], rtol=0.02)


@pytest.fixture(scope="module")
def sampler(drawings, pack):
    logged = clicks_of(drawings, pack)
    clicked = clicked_drawings(logged, drawings, pack)
    settings = ReconstructSettings(rows=4, simulated=0.5, learning_rate=1e-3, warmup=1)
    text = torch.nn.functional.normalize(torch.randn(len(drawings.codes), 384), dim=1)
    backbone = load_backbone()
    return TaskSampler(
        drawings, text, logged.history, logged.preference, clicked, Crowd(drawings, 1), None, backbone, settings
    )


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


def test_steps_move_the_way_of_painting_alone_and_are_watched(painter, sampler, pack):
    pigeon = fresh(painter.conditioning, seed=0)
    painting = PigeonPainting(pigeon, spoken_by(painter.conditioning), painter.unet, guidance=1.0, device="cpu")
    tuner = Reconstruct(painting, painting_parameters(pigeon), PerceptualLoss(sampler.backbone), sampler.settings)
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
