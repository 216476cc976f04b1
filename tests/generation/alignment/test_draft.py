import pytest
import torch

from generation.alignment.draft import Draft, DraftSettings
from tests.support.models.tiny_painter import SHAPE, TinyPainter, draw, redness


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
