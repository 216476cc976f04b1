import pytest
import torch

from generation.alignment.draft import Draft, DraftSettings
from tests.support.tiny_painter import SHAPE, TinyPainter, draw, redness


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def made(painter=None, parameters=None, shape=SHAPE, **settings):
    painter = painter or TinyPainter()
    chosen = parameters or dict(painter.named_parameters())
    given = {"sampler_steps": 3, "learning_rate": 3e-3, "warmup": 1, **settings}
    return Draft(painter, chosen, redness, shape=shape, settings=DraftSettings(**given))


@pytest.mark.parametrize("how", [{"last_steps": 1}, {"last_steps": 2, "checkpointing": True}, {"kind": "refl"}])
def test_the_reward_rises(how):
    draft = made(**how)
    seen = [draft.learn(draw())["reward"] for _ in range(12)]
    assert sum(seen[-3:]) > sum(seen[:3]) + 0.05


def test_only_the_given_parameters_move():
    painter = TinyPainter()
    before = {name: weight.detach().clone() for name, weight in painter.named_parameters()}
    painter.unet.requires_grad_(False)
    made(painter, {"wish.weight": painter.wish.weight}).learn(draw())
    moved = {name for name, weight in painter.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {"wish.weight"}


def test_checkpointing_recomputes_and_changes_no_gradient():
    gradients, evaluations = [], []
    for checkpointing in (False, True):
        draft = made(last_steps=2, checkpointing=checkpointing)
        batch, rows = draw()(0)
        loss, _ = draft.loss(batch, torch.randn(rows, *SHAPE, generator=torch.Generator().manual_seed(1)), 0)
        loss.backward()
        gradients.append(draft.generator.unet.conv_out.weight.grad)
        evaluations.append(draft.generator.evaluations)
    torch.testing.assert_close(*gradients)
    assert evaluations == [3 + 2, 3 + 2 + 2]  # three steps, two at the start point; two again in the backward pass


def test_gradients_reach_k_steps_back_and_no_further():
    reached = []
    for last_steps in (1, 3):
        draft = made(last_steps=last_steps, regularisation=0.0)
        batch, rows = draw()(0)
        noise = torch.randn(rows, *SHAPE).requires_grad_()
        draft.loss(batch, noise, 0)[0].backward()
        reached.append(noise.grad is not None and bool(noise.grad.abs().sum() > 0))
    assert reached == [False, True]


def test_regularisation_is_zero_at_the_start_and_holds_the_network_back():
    distances = []
    for weight in (0.0, 100.0):
        draft = made(regularisation=weight)
        seen = [draft.learn(draw())["distance"] for _ in range(10)]
        assert seen[0] == 0.0
        distances.append(seen[-1])
    assert distances[1] < distances[0] / 2


@pytest.fixture
def in_bfloat16(monkeypatch):
    """Also where the hardware only emulates it."""
    monkeypatch.setattr("generation.alignment.tuner.compute_dtype", lambda device: torch.bfloat16)


@pytest.mark.usefixtures("in_bfloat16")
def test_bf16_has_the_gradient_and_the_distance_of_float32():
    """At 32 x 32 pixels: at 16 x 16 the lowest level normalises groups of four values.

    Where four values happen to be nearly equal, a group norm divides by nearly nothing: there, rounding the weights
    to bfloat16 once and computing in float32 turns the gradient by as much as bfloat16 does, on any CPU.

    A rounding to bfloat16 errs by 2^-8 at most, by 2^-8 / sqrt(3) in the mean square. About 60 lie on the way through
    the network and back: the gradient is off by sqrt(60) 2^-8 / sqrt(3) = 1.7 % where they are independent, and its
    cosine is 1 - 0.017^2 / 2 = 0.99985. The bound allows 2.6 times that error: 4.5 %, or 0.999.
    """
    batch, rows = draw(size=32)(0)
    shape = (SHAPE[0], 16, 16)
    noise = torch.randn(rows, *shape, generator=torch.Generator().manual_seed(1))
    gradients, distances = [], []
    for precision in ("float32", "bf16"):
        draft = made(shape=shape, precision=precision)
        with torch.no_grad():
            for number, weight in enumerate(draft.parameters.values()):  # away from the start point
                weight.add_(0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(number)))
        loss, figures = draft.loss(batch, noise, 0)
        loss.backward()
        gradients.append([weight.grad.flatten() for weight in draft.parameters.values()])
        distances.append(figures["distance"])
    assert distances[0] > 1e-3
    assert distances[1] == pytest.approx(distances[0], rel=0.1)
    whole = [torch.cat(each) for each in gradients]
    assert torch.nn.functional.cosine_similarity(*whole, dim=0) > 0.999
    assert all(bool(one.any()) == bool(other.any()) for one, other in zip(*gradients, strict=True))


@pytest.mark.usefixtures("in_bfloat16")
def test_bf16_learns_too():
    draft = made(precision="bf16")
    seen = [draft.learn(draw())["reward"] for _ in range(10)]
    assert seen[-1] > seen[0]
    assert all(weight.dtype == torch.float32 for weight in draft.parameters.values())


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
