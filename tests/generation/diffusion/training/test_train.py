import pytest
import torch

from generation.diffusion.training.data import PairSampler, load_drawings
from generation.diffusion.training.losses import PerceptualLoss
from generation.diffusion.training.train import Trainer, TrainSettings, draw_sigma
from jobs.lake.splits import split_of
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders


@pytest.fixture(scope="module")
def encoders():
    torch.set_num_threads(2)
    return load_encoders()


@pytest.fixture(scope="module")
def drawings(encoders):
    return load_drawings(PicturePack.load().sample(24), encoders, "train")


def make_trainer(encoders, settings):
    return Trainer(settings, PerceptualLoss(encoders.image.backbone), "cpu")


def test_only_training_subjects_are_drawn_from(drawings):
    assert {split_of(code) for code in drawings.codes} == {"train"}


def test_the_loss_is_zero_for_the_true_picture(encoders, drawings):
    target = PairSampler(drawings, seed=0).draw(0, 4).target
    assert PerceptualLoss(encoders.image.backbone)(target, target).abs().max() == 0
    assert (PerceptualLoss(encoders.image.backbone)(-target, target) > 0.1).all()


def test_half_of_the_sigmas_lie_near_the_start():
    sigma = draw_sigma(1000, torch.Generator().manual_seed(0), near_start=0.5)
    assert sigma.min() >= 0.02
    assert sigma.max() <= 1
    assert 0.5 < (sigma >= 0.85).float().mean() < 0.65  # half, and 15 % of the uniform half


def test_learning_lowers_the_loss_and_a_resumed_run_is_the_same_run(encoders, drawings, tmp_path):
    settings = TrainSettings(steps=6, batch=4, warmup=1)
    sampler = PairSampler(drawings, seed=settings.seed)
    whole = make_trainer(encoders, settings)
    losses = [whole.learn(sampler.draw(0, 4))["pixels"] for _ in range(6)]
    assert losses[-1] < losses[0]

    first = make_trainer(encoders, settings)
    for step in range(3):
        first.learn(sampler.draw(step, 4))
    first.save(tmp_path / "checkpoint.safetensors")
    second = make_trainer(encoders, settings)
    second.resume(tmp_path / "checkpoint.safetensors")
    assert second.step == 3
    for trainer in (first, second):
        trainer.learn(sampler.draw(3, 4))
    for name, tensor in first.average.items():
        torch.testing.assert_close(second.average[name], tensor, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="other settings"):
        make_trainer(encoders, TrainSettings(steps=7)).resume(tmp_path / "checkpoint.safetensors")
