"""Training at the level of vectors."""

import numpy as np
import pytest
import torch

from generation.personalization.pigeon.personal import fresh
from generation.personalization.pigeon.training.simulated import Crowd
from generation.personalization.pigeon.training.taste import (
    TasteSettings,
    TasteTuner,
    TasteWatch,
    begin_with,
    centred,
    taste_parameters,
)


@pytest.fixture
def tuner(painter, logged, drawings, families):
    pigeon = fresh(painter.conditioning, seed=0)
    begin_with(pigeon, drawings.look[:, 128:], seed=0)
    settings = TasteSettings(learning_rate=3e-3, rows=4, warmup=1, steps=20)
    return TasteTuner(pigeon, logged, Crowd(drawings, 1), families, settings)


def test_it_learns_what_everybody_clicks_and_moves_nothing_of_how_to_paint(tuner):
    before = {name: weight.detach().clone() for name, weight in tuner.pigeon.named_parameters()}
    watch = TasteWatch(tuner, tuner.logged)
    start, sheet = watch(0)
    first = [tuner.learn() for _ in range(15)]
    assert set(first[0]) == {"log", "taste", "flags", "gradient"}
    assert all(np.isfinite(value) for each in first for value in each.values())
    assert watch(15)[0].reward.mean() > start.reward.mean()
    assert start.reward.shape == (4,)
    assert sheet.shape[0] == 3
    moved = {name for name, weight in tuner.pigeon.named_parameters() if not torch.equal(weight, before[name])}
    assert moved <= set(taste_parameters(tuner.pigeon))
    assert any(name.startswith("mask.layer") for name in moved)


def test_codes_are_the_families_that_there_are(painter, drawings):
    pigeon = fresh(painter.conditioning, seed=0)
    begin_with(pigeon, drawings.look[:, 128:], seed=0)
    nearest = np.abs(pigeon.evidence.codes.detach().numpy() @ np.eye(32)[:, :6]).argmax(1)
    assert set(nearest) == set(range(6))
    assert float(pigeon.believed.detach()) == 1.0


def test_without_made_up_users_only_the_log_is_heard(painter, logged, drawings, families):
    pigeon = fresh(painter.conditioning, seed=0)
    settings = TasteSettings(rows=4, simulated=0.0)
    found = TasteTuner(pigeon, logged, Crowd(drawings, 1), families, settings).learn()
    assert set(found) == {"log", "gradient"}


def test_scores_are_compared_within_a_user():
    scores = torch.tensor([[1.0, 3.0, 9.0]])
    told = torch.tensor([[True, True, False]])
    assert centred(scores, told)[0, :2].tolist() == [-1.0, 1.0]
