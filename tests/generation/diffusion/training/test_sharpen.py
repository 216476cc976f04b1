import math

import pytest
import torch
import torch.nn.functional as F

from generation.diffusion.painter import SHIPPED
from generation.diffusion.training.data import Bends, PairSampler
from generation.diffusion.training.losses import PerceptualLoss
from generation.diffusion.training.reader import Reader, Reading
from generation.diffusion.training.sharpen import Sharpener, SharpenSettings
from generation.diffusion.training.train import facts_of
from jobs.stickers.pack import FAMILIES


@pytest.fixture(scope="module")
def sampler(drawings, tmp_path_factory):
    return PairSampler(drawings, seed=0, bends=Bends(drawings, tmp_path_factory.mktemp("bends") / "bends.safetensors"))


@pytest.fixture(scope="module")
def make(encoders, drawings):
    def made(**settings):
        torch.manual_seed(0)
        perceptual = PerceptualLoss(encoders.image.backbone)
        readers = [Reader().eval().requires_grad_(False) for _ in range(2)]
        chosen = SharpenSettings(batch=4, warmup=1, critic_warmup=30, **settings)
        return Sharpener(chosen, perceptual, readers, drawings, SHIPPED, "cpu")

    return made


def test_the_critic_learns_that_another_familys_drawing_is_not_what_was_asked_for(make, sampler):
    sharpener = make()
    before = float(sharpener.criticise(sampler.draw(0, 8), None).detach())
    assert sharpener.warm_critic(sampler) < before
    pairs = sampler.draw(500, 48)
    other = (pairs.reference != pairs.target).flatten(1).any(1)
    original, drawn, bent = sharpener.see(*(each[other] for each in (pairs.reference, pairs.target, pairs.bent)))
    family = pairs.family[other]
    with torch.no_grad():
        right = sharpener.score(drawn, original, family, bent=bent).mean((0, 2, 3))
        copied = sharpener.score(original, original, family).mean((0, 2, 3))
    assert (right > copied).all()  # alone, and beside the original


def test_what_the_reader_says_of_real_drawings(make, sampler):
    sharpener, pairs = make(), sampler.draw(0, 24)
    drawn, other = (sharpener.read(pairs, each)[0] for each in (pairs.target, pairs.target.roll(1, 0)))
    assert drawn.mean() < other.mean()  # an untrained reader already knows a picture again
    painted = pairs.reference.clone().requires_grad_(True)
    sum(distance.sum() for distance in sharpener.read(pairs, painted)).backward()
    assert painted.grad.abs().sum() > 0


def test_readers_take_turns(make, sampler):
    sharpener, pairs = make(), sampler.draw(0, 8)
    assert not torch.equal(sharpener.known[0], sharpener.known[1])
    sharpener.known[1] = torch.zeros_like(sharpener.known[1])  # the second knows nobody: nothing is near
    for sharpener.step in range(4):
        far = sharpener.read(pairs, pairs.target)[0]
        assert (far == 1).all() if sharpener.step % 2 else (far < 1).all()


def test_a_reader_that_is_sure_asks_for_nothing_more(make, sampler, monkeypatch):
    sharpener, pairs = make(), sampler.draw(0, 8)
    known = sharpener.known[0][pairs.subject, pairs.family]

    def read(scale):
        logits = scale * F.one_hot(pairs.family, len(FAMILIES)).float()
        monkeypatch.setattr(sharpener, "readers", [lambda _: Reading(known, logits)])
        return sharpener.read(pairs, pairs.target)

    far, doubt = read(0.0)
    assert far == pytest.approx(torch.zeros(8), abs=1e-5)
    assert doubt == pytest.approx(torch.full((8,), math.log(6 * 0.9)))
    assert (read(8.0)[1] == 0).all()


def test_a_step_moves_generator_and_critic_and_a_resumed_run_is_the_same_run(make, sampler, tmp_path):
    first = make(steps=6)
    start = {name: tensor.clone() for name, tensor in first.state().items()}
    losses = first.learn(sampler.draw(0, 4))
    assert set(losses) == {"pixels", "perceptual", "grain", "subject", "family", "real", "critic"}
    moved = {
        name.partition(".")[0]
        for name, tensor in first.state().items()
        if not torch.equal(tensor, start.get(name, tensor * 0 - 1))
    }
    assert {"network", "critic", "optimizer", "critic_optimizer"} <= moved
    first.save(tmp_path / "checkpoint.safetensors")
    second = make(steps=6)
    second.resume(tmp_path / "checkpoint.safetensors")
    for sharpener in (first, second):
        sharpener.learn(sampler.draw(1, 4))
    for name, tensor in first.average.items():
        torch.testing.assert_close(second.average[name], tensor, atol=1e-5, rtol=1e-4)


def test_without_critic_and_reader_a_step_is_plain_regression(make, sampler):
    sharpener = make(adversarial=0.0, subject=0.0, family=0.0)
    critic = {name: tensor.clone() for name, tensor in sharpener.critic.state_dict().items()}
    assert set(sharpener.learn(sampler.draw(0, 4))) == {"pixels", "perceptual", "grain"}
    for name, tensor in sharpener.critic.state_dict().items():
        assert torch.equal(tensor, critic[name])


def test_the_shipped_checkpoint_tells_every_training_it_went_through():
    facts = facts_of(SHIPPED)
    assert "files" not in facts
    commands = []
    while facts:
        assert "subjects (buckets 2 to 7)" in facts["data"]
        commands.append(facts["command"].split()[2])
        facts = facts.get("started_from")
    # A manifest tells the command as it was typed: modules have moved since.
    assert commands[0].rpartition(".")[2] == "sharpen"
    assert commands[-1].rpartition(".")[2] == "train"
