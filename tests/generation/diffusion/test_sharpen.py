import pytest
import torch

from generation.diffusion.critic import BLOCKS, Critic, critic_loss
from generation.diffusion.data import PairSampler, load_drawings
from generation.diffusion.losses import PerceptualLoss
from generation.diffusion.painter import SHIPPED
from generation.diffusion.sharpen import Sharpener, SharpenSettings
from generation.diffusion.train import facts_of
from jobs.ingest.stickers.pack import FAMILIES, PicturePack
from reward_model.encoders import load_encoders


@pytest.fixture(scope="module")
def encoders():
    return load_encoders()


@pytest.fixture(scope="module")
def sampler(encoders):
    return PairSampler(load_drawings(PicturePack.load().sample(60), encoders, "train"), seed=0)


def make(encoders, **settings):
    torch.manual_seed(0)
    perceptual = PerceptualLoss(encoders.image.backbone)
    chosen = SharpenSettings(batch=4, warmup=1, critic_warmup=30, **settings)
    return Sharpener(chosen, perceptual, encoders.image, SHIPPED, "cpu")


def test_the_critic_learns_that_another_familys_drawing_is_not_what_was_asked_for(encoders, sampler):
    sharpener = make(encoders)
    before = float(sharpener.criticise(sampler.draw(0, 8), None).detach())
    assert sharpener.warm_critic(sampler) < before
    pairs = sampler.draw(500, 48)
    other = (pairs.reference != pairs.target).flatten(1).any(1)
    with torch.no_grad():
        drawn = sharpener.score(sharpener.see(pairs.target[other]), pairs.family[other])
        mistaken = sharpener.score(sharpener.see(pairs.reference[other]), pairs.family[other])
    assert drawn.mean() > mistaken.mean()


def test_the_loss_counts_wrong_drawings_as_painted_ones():
    far = torch.full((2, 8, 8), 5.0)
    assert critic_loss(far, -far, -far) == 0
    assert critic_loss(far, -far, far) == critic_loss(far, far, -far) == pytest.approx(3.0)


def test_the_distance_is_to_the_nearer_drawing_of_the_subject(encoders, sampler):
    sharpener, pairs = make(encoders), sampler.draw(0, 8)

    def distances(pictures):
        return sharpener.encoded_distances(pairs, sharpener.see(pictures))

    for drawn in (pairs.reference, pairs.target):
        assert distances(drawn)[0].mean() < 0.4
    assert distances(pairs.target.roll(1, 0))[0].mean() > 0.5
    _, kept = distances(pairs.reference)
    _, right = distances(pairs.target)
    assert right.mean() < kept.mean()
    painted = pairs.reference.clone().requires_grad_(True)
    sum(distance.sum() for distance in distances(painted)).backward()
    assert painted.grad.abs().sum() > 0


def test_every_patch_is_scored_for_the_family_asked_for_by_every_head(encoders):
    critic = Critic(len(FAMILIES)).eval()
    pixels = torch.rand(1, 3, 64, 64).expand(2, -1, -1, -1)
    maps = {block: each.float() for block, each in encoders.image.backbone(pixels, BLOCKS).maps.items()}
    scores = critic(2 * pixels - 1, maps, torch.tensor([0, 4]))
    assert scores.shape == (2, 1 + len(BLOCKS), 8, 8)
    assert (scores[0] != scores[1]).flatten(1).any(1).all()


def test_a_step_moves_generator_and_critic_and_a_resumed_run_is_the_same_run(encoders, sampler, tmp_path):
    first = make(encoders, steps=6)
    start = {name: tensor.clone() for name, tensor in first.state().items()}
    losses = first.learn(sampler.draw(0, 4))
    assert set(losses) == {"pixels", "perceptual", "subject", "style", "real", "critic"}
    moved = {
        name.partition(".")[0]
        for name, tensor in first.state().items()
        if not torch.equal(tensor, start.get(name, tensor * 0 - 1))
    }
    assert {"network", "critic", "optimizer", "critic_optimizer"} <= moved
    first.save(tmp_path / "checkpoint.safetensors")
    second = make(encoders, steps=6)
    second.resume(tmp_path / "checkpoint.safetensors")
    for sharpener in (first, second):
        sharpener.learn(sampler.draw(1, 4))
    for name, tensor in first.average.items():
        torch.testing.assert_close(second.average[name], tensor, atol=1e-5, rtol=1e-4)


def test_the_shipped_checkpoint_tells_both_halves_of_its_training():
    facts = facts_of(SHIPPED)
    assert "generation.diffusion.sharpen" in facts["command"]
    assert "generation.diffusion.train" in facts["started_from"]["command"]
    assert "files" not in facts
