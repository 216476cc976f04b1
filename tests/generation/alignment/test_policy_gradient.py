import pytest
import torch

from generation.alignment.draft import Rewarded
from generation.alignment.policy_gradient import PolicyGradient, PolicySettings, group_advantages
from tests.support.models.tiny_painter import SHAPE, TinyPainter, draw, redness


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


class Following(TinyPainter):
    """As a trained denoiser does, its estimate follows what it sees, so that early noise decides the picture."""

    def predict_clean(self, x, *arguments):
        return x + 0.3 * super().predict_clean(x, *arguments)


def stepwise(pixels, batch):
    """Redness in steps of 0.002: its gradient is zero everywhere."""
    whole = (500 * redness(pixels, batch).total).round().detach() / 500
    return Rewarded(total=whole, parts={"red": whole})


def made(reward=stepwise, only=None, **settings):
    painter = Following()
    chosen = {name: weight for name, weight in painter.named_parameters() if name in (only or name)}
    for name, weight in painter.named_parameters():
        weight.requires_grad_(name in chosen)
    given = {
        "sampler_steps": 3, "group": 8, "learning_rate": 2e-3, "warmup": 1, "regularisation": 0.0, "noise_level": 0.8,
    }  # fmt: skip
    return PolicyGradient(painter, chosen, reward, shape=SHAPE, settings=PolicySettings(**given | settings))


def test_a_reward_without_gradient_rises():
    # The colour of everything is 24 numbers, few enough for some dozens of samples to tell which way is up.
    policy = made(only="unet.conv_out.bias", learning_rate=3e-2, ratio_clip=0.2)
    same = draw(rows=16, group=8)(0)
    seen = [policy.learn(lambda _key: same)["reward"] for _ in range(12)]
    assert sum(seen[-3:]) / 3 > sum(seen[:3]) / 3 + 0.02


def test_on_the_sampling_weights_every_ratio_is_one():
    policy = made()
    batch, rows = draw(rows=8, group=8)(0)
    paths = policy.paint(batch, rows, 0)
    figures = policy._improve(paths, group_advantages(paths.rewards["reward"], 8))
    assert figures["kl"] == 0.0
    assert figures["clipped"] == 0.0
    assert figures["gradient"] > 0
    assert len(paths.points) == 3  # the start and two stochastic steps; the last step adds no noise


def test_kl_holds_the_weights_near_the_start():
    seen = []
    for weight in (0.0, 1000.0):
        policy = made(regularisation=weight)
        seen.append([policy.learn(draw(rows=8, group=8))["kl"] for _ in range(5)][-1])
    assert seen[1] < seen[0] / 2


def test_a_resumed_run_takes_the_same_next_step_to_the_bit(tmp_path):
    policy = made()
    policy.learn(draw(rows=8, group=8))
    policy.save(tmp_path / "checkpoint.safetensors")
    again = made()
    again.resume(tmp_path / "checkpoint.safetensors")
    assert policy.learn(draw(rows=8, group=8)) == again.learn(draw(rows=8, group=8))
    assert all(torch.equal(weight, again.parameters[name]) for name, weight in policy.parameters.items())


def test_wrong_settings_and_groups_are_named():
    with pytest.raises(ValueError, match="noise_level"):
        made(noise_level=0.0)
    with pytest.raises(ValueError, match="12 rows: expected whole groups of 8"):
        made().learn(draw(rows=12))
