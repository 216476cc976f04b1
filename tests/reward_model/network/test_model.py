import numpy as np
import torch

from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_image_encoder, to_tensor
from reward_model.network.ensemble_member import RowTensors
from reward_model.network.model import click_probability_from_pixels

B = 7


def test_logits_are_finite_even_without_history(model, covers, states, rows):
    logits = model(covers, states, rows)
    assert logits.shape == (B,)
    assert torch.isfinite(logits).all()


def test_members_are_averaged_as_logits(model, covers, states, rows):
    each = model.score(model.encode_users(covers, states), states, rows, with_position=True)
    assert each.shape == (2, B)
    assert not torch.allclose(each[0], each[1])
    assert torch.allclose(each.mean(dim=0), model(covers, states, rows))


def test_position_is_an_addend_that_can_be_switched_off(model, covers, states, rows):
    on, off = model(covers, states, rows), model(covers, states, rows, with_position=False)
    assert on[0] == off[0]  # place 1
    assert torch.allclose(on - off, model.position_logit(rows.place_B), atol=1e-6)
    moved = rows._replace(place_B=torch.full((B,), 7))
    assert torch.equal(model(covers, states, moved, with_position=False), off)
    assert model.position_logit(torch.tensor([1])).item() == 0.0
    assert model.position_logit(torch.tensor([50])) == model.position_logit(torch.tensor([99]))


def test_gradients_reach_the_pixels(model, covers, states, rows):
    pack = PicturePack.load()
    pixels = to_tensor(np.stack([pack.pixels("1f98a", family) for family in ("twemoji", "noto")])).requires_grad_()
    two = RowTensors(*(values[:2] for values in rows))
    p = click_probability_from_pixels(model, load_image_encoder(), pixels, covers, states, two)
    assert p.shape == (2,)
    assert ((p > 0) & (p < 1)).all()
    (gradient,) = torch.autograd.grad(p.sum(), pixels)
    assert gradient.shape == (2, 3, 64, 64)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().sum(dim=(1, 2, 3)) > 0).all()
