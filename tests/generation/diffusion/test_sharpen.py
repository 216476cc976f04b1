import pytest
import torch

from generation.diffusion.critic import Critic, critic_loss
from generation.diffusion.data import Bends, PairSampler, load_drawings
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
def sampler(encoders, tmp_path_factory):
    drawings = load_drawings(PicturePack.load().sample(60), encoders, "train")
    return PairSampler(drawings, seed=0, bends=Bends(drawings, tmp_path_factory.mktemp("bends") / "bends.safetensors"))


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
    original, drawn, bent = sharpener.see(*(each[other] for each in (pairs.reference, pairs.target, pairs.bent)))
    family = pairs.family[other]
    with torch.no_grad():
        right = sharpener.score(drawn, original, family, bent=bent).mean((0, 2, 3))
        copied = sharpener.score(original, original, family).mean((0, 2, 3))
    assert (right > copied).all()  # alone, and beside the original


def test_the_loss_counts_wrong_drawings_as_painted_ones_and_trusts_what_fits():
    far, trust = torch.full((2, 2, 8, 8), 5.0), torch.tensor([0.5, 0.5])
    assert critic_loss(far, -far, -far, trust) == 0
    assert critic_loss(far, -far, far, trust) == critic_loss(far, far, -far, trust) == pytest.approx(3.0)
    drawn = far.clone()
    drawn[0, 1] = -5.0  # a true drawing that looks wrong beside its original
    fits, misfits = (float(critic_loss(drawn, -far, -far, torch.tensor(each))) for each in ([0.9, 0.1], [0.1, 0.9]))
    assert fits == pytest.approx(9 * misfits)
    drawn = far.clone()
    drawn[0, 0] = -5.0  # alone, it must look right whether it fits or not
    assert critic_loss(drawn, -far, -far, trust) == critic_loss(drawn, -far, -far, torch.tensor([0.9, 0.1])) > 1


def test_the_distance_is_to_the_nearer_drawing_of_the_subject(encoders, sampler):
    sharpener, pairs = make(encoders), sampler.draw(0, 8)
    for drawn in (pairs.reference, pairs.target):
        assert sharpener.subject_distance(pairs, drawn).mean() < 0.4
    assert sharpener.subject_distance(pairs, pairs.target.roll(1, 0)).mean() > 0.5
    painted = pairs.reference.clone().requires_grad_(True)
    sharpener.subject_distance(pairs, painted).sum().backward()
    assert painted.grad.abs().sum() > 0


def test_every_patch_is_scored_for_the_family_asked_for_alone_and_beside_the_original():
    critic = Critic(len(FAMILIES)).eval()
    pixels = (2 * torch.rand(1, 3, 64, 64) - 1).expand(2, -1, -1, -1)
    scores = critic(pixels, -pixels, torch.tensor([0, 4]))
    assert scores.shape == (2, 2, 8, 8)
    assert (scores[0] != scores[1]).flatten(1).any(1).all()
    other = critic(pixels, pixels, torch.tensor([0, 4]))
    assert torch.equal(other[:, 0], scores[:, 0])
    assert not torch.equal(other[:, 1], scores[:, 1])


def test_a_step_moves_generator_and_critic_and_a_resumed_run_is_the_same_run(encoders, sampler, tmp_path):
    first = make(encoders, steps=6)
    start = {name: tensor.clone() for name, tensor in first.state().items()}
    losses = first.learn(sampler.draw(0, 4))
    assert set(losses) == {"pixels", "perceptual", "subject", "real", "critic"}
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


def test_without_a_critic_a_step_is_plain_regression(encoders, sampler):
    sharpener = make(encoders, adversarial=0.0)
    critic = {name: tensor.clone() for name, tensor in sharpener.critic.state_dict().items()}
    assert set(sharpener.learn(sampler.draw(0, 4))) == {"pixels", "perceptual"}
    for name, tensor in sharpener.critic.state_dict().items():
        assert torch.equal(tensor, critic[name])


def test_the_shipped_checkpoint_tells_both_halves_of_its_training():
    facts = facts_of(SHIPPED)
    assert "generation.diffusion.sharpen" in facts["command"]
    assert "generation.diffusion.train" in facts["started_from"]["command"]
    assert "files" not in facts
