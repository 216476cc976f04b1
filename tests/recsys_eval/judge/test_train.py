"""The training of the judge: its loss by hand, its batches, its resumption."""

import math

import numpy as np
import pytest
import torch

from jobs.lake.splits import split_of
from jobs.stickers.pack import PicturePack
from recsys_eval.judge.quality import real_pictures
from recsys_eval.judge.train import DrawingSampler, JudgeSettings, JudgeTrainer, augment, supervised_contrastive

ARROWS_AND_POINTERS = {"27a1", "2b05", "2b06", "2197", "1f448", "1f449", "1f550", "1f551"}
SMALL = JudgeSettings(steps=4, subjects_per_batch=4, views=2, warmup=1)


@pytest.fixture(scope="module")
def sampler():
    pack = PicturePack.load()
    return DrawingSampler(real_pictures(pack, "train"), {s.code: s for s in pack.subjects})


def test_the_contrastive_loss_by_hand():
    """Two pairs on orthogonal axes, t = 1: each anchor sees 1 at e^1 and 2 at e^0, so -log(e / (e + 2))."""
    embedding = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    loss = supervised_contrastive(embedding, torch.tensor([0, 0, 1, 1]), temperature=1.0)
    assert float(loss) == pytest.approx(-math.log(math.e / (math.e + 2)))


def test_an_anchor_without_a_partner_does_not_count():
    embedding = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    loss = supervised_contrastive(embedding, torch.tensor([0, 0, 1]), temperature=1.0)
    assert float(loss) == pytest.approx(-math.log(math.e / (math.e + 1)))


def test_only_training_subjects_are_learned_from(sampler):
    assert {split_of(code) for code in sampler.codes} == {"train"}


def test_a_batch_has_several_families_of_each_subject(sampler):
    batch = sampler.draw(JudgeSettings(), 3)
    assert batch.x.shape == (96, 3, 64, 64)
    assert batch.x.min() >= 0
    assert batch.x.max() <= 1
    pairs = torch.stack([batch.subject, batch.family], dim=1)
    assert len(pairs.unique(dim=0)) == 96
    assert batch.subject.unique(return_counts=True)[1].tolist() == [4] * 24


def test_a_step_always_draws_the_same_batch(sampler):
    assert torch.equal(sampler.draw(SMALL, 2).x, sampler.draw(SMALL, 2).x)
    assert not torch.equal(sampler.draw(SMALL, 2).x, sampler.draw(SMALL, 3).x)


def test_white_stays_about_white():
    """Shifts, turns, blur and colour changes leave the ground alone; only the noise is seen."""
    white = torch.ones(8, 3, 64, 64)
    family, flippable = torch.zeros(8, dtype=torch.int64), torch.ones(8, dtype=torch.bool)
    out, _ = augment(white, family, flippable, torch.Generator().manual_seed(0))
    assert float(out.mean()) > 0.98


def test_directed_subjects_are_not_mirrored(sampler):
    directed = ARROWS_AND_POINTERS & set(sampler.codes.tolist())
    assert directed
    assert not sampler.flippable[np.isin(sampler.codes, list(directed))].any()
    assert 0.5 < float(sampler.flippable.float().mean()) < 0.95


def test_a_resumed_training_goes_on_exactly(sampler, tmp_path):
    straight = JudgeTrainer(SMALL, len(sampler.codes), fingerprint="a")
    for step in range(2):
        straight.learn(sampler.draw(SMALL, step))
    straight.save(tmp_path / "checkpoint.safetensors")
    resumed = JudgeTrainer(SMALL, len(sampler.codes), fingerprint="a")
    resumed.resume(tmp_path / "checkpoint.safetensors")
    batch = sampler.draw(SMALL, 2)
    assert resumed.step == 2
    assert resumed.learn(batch) == pytest.approx(straight.learn(batch))


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    JudgeTrainer(SMALL, 3, fingerprint="a").save(tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="other settings"):
        JudgeTrainer(SMALL, 3, fingerprint="b").resume(tmp_path / "checkpoint")
