"""The preference loss by hand, its safeguard, and that it prefers what was chosen."""

import math

import pytest
import torch
import torch.nn.functional as F

from generation.alignment.pairwise import Pairs, Pairwise, PairwiseSettings, preference_logit, safe_share
from tests.support.models.tiny_painter import SHAPE, TinyPainter, draw

FOUND = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
BEFORE = torch.zeros(1, 2, 2)
CHOSEN = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]])
REJECTED = torch.tensor([[[0.0, 2.0], [0.0, 0.0]]])


def test_the_logit_of_two_pictures_by_hand():
    """|f - w|^2 = 1/4, |f0 - w|^2 = 4/4, |f - l|^2 = 5/4, |f0 - l|^2 = 4/4: -beta/2 (-3/4 - 1/4) = beta / 2."""
    assert preference_logit(FOUND, BEFORE, CHOSEN, REJECTED, beta=8.0).tolist() == [4.0]
    assert preference_logit(BEFORE, BEFORE, CHOSEN, REJECTED, beta=8.0).tolist() == [0.0]


def test_the_safeguard_on_three_vectors():
    """g_w = (-1, 0), g_l = (1, -2): they part, so all of it; from (3, 0) g_w = (1, 0), g_l = (3, -2): 0.1 * 1 / 3."""
    assert safe_share(FOUND, CHOSEN, REJECTED).tolist() == [1.0]
    far = torch.tensor([[[3.0, 0.0], [0.0, 0.0]]])
    assert safe_share(far, CHOSEN, REJECTED).tolist() == [pytest.approx(0.1 / 3)]
    assert safe_share(far, far, REJECTED).tolist() == [1.0]


def test_with_the_safeguard_a_small_step_does_not_move_away_from_the_chosen_picture():
    rng = torch.Generator().manual_seed(1)
    found, chosen = torch.randn(64, 5, generator=rng), torch.randn(64, 5, generator=rng)
    rejected = chosen + 0.3 * torch.randn(64, 5, generator=rng)
    moved = {}
    for share in (None, safe_share(found, chosen, rejected)):
        at = found.clone().requires_grad_()
        logit = preference_logit(at, found, chosen, rejected, beta=10.0, share=share)
        assert torch.allclose(logit, torch.zeros(64))
        (-F.logsigmoid(logit)).sum().backward()
        after = found - 1e-3 * at.grad
        closer = (found - chosen).square().sum(1) - (after - chosen).square().sum(1)
        moved[share is not None] = float(closer.min())
    assert moved[True] >= -1e-6 > moved[False]


@pytest.fixture
def tuner():
    painter = TinyPainter()
    return Pairwise(
        painter, dict(painter.wish.named_parameters()), PairwiseSettings(learning_rate=5e-3, beta=200.0, warmup=1)
    )


def pairs_of(tuner, key=0):
    batch, rows = draw()(key)
    noise = torch.randn(rows, *SHAPE, generator=torch.Generator().manual_seed(key))
    start = tuner.generator.start(batch, noise)
    with torch.no_grad():
        own = tuner.generator.predict_clean(
            start.x, tuner.generator.schedule(1), 0, batch, tuner.generator.condition(batch)
        )
    return Pairs(batch=batch, noise=noise, chosen=own + 0.1, rejected=own - 0.1)


def test_the_loss_is_log_2_at_the_start_and_falls_as_it_learns(tuner):
    pairs = pairs_of(tuner)
    loss, figures = tuner.loss(pairs)
    assert float(loss.detach()) == pytest.approx(math.log(2), abs=1e-5)
    assert figures["moved"] == pytest.approx(0.0, abs=1e-10)
    seen = [tuner.learn(lambda _key: pairs) for _ in range(12)]
    assert seen[-1]["loss"] < seen[4]["loss"] < math.log(2)
    assert seen[-1]["accuracy"] == 1.0
    assert seen[-1]["moved"] > 0
