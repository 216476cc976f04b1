"""Stage 2: what learns from pairs of own pictures."""

import numpy as np
import pytest
import torch

from generation.personalization.pigeon.training.public.align import (
    LatentPairwise,
    LatentPairwiseSettings,
    aligned_parameters,
)
from generation.personalization.pigeon.training.public.latents import Places, answered, errors, noised


def tuner_of(model, **more):
    settings = LatentPairwiseSettings(**{"learning_rate": 5e-3, "warmup": 1, "regularisation": 0.0, **more})
    return LatentPairwise(model, aligned_parameters(model), settings)


@pytest.mark.parametrize("family", ["stable-diffusion", "stable-diffusion-3"])
def test_the_loss_is_log_2_at_the_start_and_the_implicit_reward_rises(public, make_book, family):
    model = public.fresh("llava", family)
    tuner, pairs = tuner_of(model, beta=5000.0), make_book(model).draw(0, 3, seed=1)
    loss, figures = tuner.loss(pairs, 1)
    assert float(loss.detach()) == pytest.approx(np.log(2), abs=1e-6)
    assert figures["implicit"] == figures["moved"] == 0
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for _ in range(4):
        loss, _ = tuner.loss(pairs, 1)
        loss.backward()
        tuner.descend()
    after, figures = tuner.loss(pairs, 1)
    assert figures["implicit"] > 0
    assert figures["accuracy"] > 0.5
    assert float(after.detach()) < np.log(2)
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved <= set(tuner.parameters)
    assert any("lora_B" in name for name in moved)
    assert any(name.startswith("connector") for name in moved)
    assert not any(name.startswith("mask") or "queries" in name for name in moved)


def test_the_loss_is_that_of_the_formula_by_hand(public, make_book):
    """-log sigmoid(-beta / 2 ((e(w) - e0(w)) - (e(l) - e0(l)))) + lambda |a - a0|^2, one place of the path for both."""
    model = public.fresh()
    tuner, pairs = tuner_of(model, beta=5000.0, regularisation=0.3), make_book(model).draw(0, 2, seed=1)
    rows = len(pairs.chosen)
    places = Places.drawn(model.generator, rows, tuple(pairs.chosen.shape[1:]), tuner.settings.seed, 4)
    shown = [noised(model.generator, each, places) for each in (pairs.chosen, pairs.rejected)]

    def answers():
        with torch.no_grad():
            said = model(pairs.batch)
            return [answered(model.generator, each, said) for each in shown]

    start = answers()
    with torch.no_grad():
        for weight in tuner.parameters.values():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    now = answers()
    (won, lost), (won_before, lost_before) = (
        [errors(each, said).double().numpy() for each, said in zip(shown, some, strict=True)] for some in (now, start)
    )
    logit = -2500.0 * ((won - won_before) - (lost - lost_before))
    anchor = np.mean([float((said - then).square().mean()) for said, then in zip(now, start, strict=True)])
    expected = np.log1p(np.exp(-logit)).mean() + 0.3 * anchor
    assert abs(logit).max() > 1e-2
    assert float(tuner.loss(pairs, 4)[0].detach()) == pytest.approx(expected, rel=1e-3)
