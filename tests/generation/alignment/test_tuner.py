"""What every way to climb shares: weights that move, their average, checkpoints, batches, settings."""

import pytest
import torch

from tests.generation.alignment.test_draft import made
from tests.support.models.tiny_painter import SHAPE, TinyPainter, draw


def test_only_the_given_parameters_move():
    painter = TinyPainter()
    before = {name: weight.detach().clone() for name, weight in painter.named_parameters()}
    painter.unet.requires_grad_(False)
    made(painter, {"wish.weight": painter.wish.weight}).learn(draw())
    moved = {name for name, weight in painter.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {"wish.weight"}


def test_regularisation_is_zero_at_the_start_and_holds_the_network_back():
    distances = []
    for weight in (0.0, 100.0):
        draft = made(regularisation=weight)
        seen = [draft.learn(draw())["distance"] for _ in range(10)]
        assert seen[0] == 0.0
        distances.append(seen[-1])
    assert distances[1] < distances[0] / 2


def test_a_resumed_run_takes_the_same_next_step_to_the_bit(tmp_path):
    draft = made()
    for _ in range(3):
        draft.learn(draw())
    draft.save(tmp_path / "checkpoint.safetensors")
    again = made()
    again.resume(tmp_path / "checkpoint.safetensors")
    assert again.step == 3
    assert draft.learn(draw()) == again.learn(draw())
    for name, weight in draft.parameters.items():
        assert torch.equal(weight, again.parameters[name])
        assert torch.equal(draft.average[name], again.average[name])
    with pytest.raises(ValueError, match="another run"):
        made(seed=99).resume(tmp_path / "checkpoint.safetensors")


def test_the_average_trails_the_weights():
    draft = made(ema=0.5)
    name = "wish.weight"
    start = draft.start_point[name].clone()
    draft.learn(draw())
    weight, decay = draft.parameters[name].detach(), min(0.5, 2 / 11)
    torch.testing.assert_close(draft.average[name], decay * start + (1 - decay) * weight)
    with draft.at(draft.start_point):
        assert torch.equal(draft.parameters[name], start)
    assert torch.equal(draft.parameters[name], weight)


def test_accumulated_batches_are_one_larger_step():
    first, second = made(accumulate=2), made()
    batches = {key: draw()(key) for key in range(2)}
    first.learn(batches.__getitem__)
    for key in range(2):
        batch, rows = batches[key]
        from generation.diffusion.process import seeded_noise

        loss, _ = second.loss(batch, seeded_noise((rows, *SHAPE), second.settings.seed, key), key)
        (loss / 2).backward()
    second.descend()
    for name, weight in first.parameters.items():
        torch.testing.assert_close(weight, second.parameters[name])


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="last_steps is 4"):
        made(last_steps=4)
