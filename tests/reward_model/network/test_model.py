import numpy as np
import torch

from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_image_encoder, to_tensor
from reward_model.network.ensemble_member import LOOK_SHARPNESS, ModelShape, RowTensors, taste_inputs
from reward_model.network.model import ClickModel, click_probability_from_pixels
from reward_model.tastes.looks import membership

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


def test_tastes_by_hand(model, states, rows):
    found = taste_inputs(states, rows, model.look_centroids)
    assert found.shape == (B, 4)
    row, state = 5, 2
    factors = rows.factors_BK[row]
    style = rows.vector_BE[row, 128:] / rows.vector_BE[row, 128:].norm()
    weight = torch.exp(LOOK_SHARPNESS * model.look_centroids @ style)
    weight = weight / weight.sum()
    expected = [
        float(states.subject_SK[state] @ factors),
        float(torch.sqrt((states.doubt_SK[state] * factors**2).sum())),
        float(states.rate_SL[state] @ weight),
        float(states.adored_SL[state] @ weight),
    ]
    np.testing.assert_allclose(found[row].detach(), expected, rtol=1e-5)
    # training sees the same looks in numpy
    numpy_weight = membership(rows.vector_BE[row : row + 1, 128:].numpy(), model.look_centroids.numpy())
    np.testing.assert_allclose(numpy_weight[0], weight, rtol=1e-5)


def test_a_look_that_the_user_likes_pulls_the_cover_towards_it(model, covers, states, rows):
    liked = states._replace(adored_SL=torch.eye(3)[torch.zeros(len(states.user_S), dtype=torch.long)])
    vectors = rows.vector_BE.clone().requires_grad_()
    model(covers, liked, rows._replace(vector_BE=vectors)).sum().backward()
    assert torch.isfinite(vectors.grad).all()
    at_look = rows.vector_BE.clone()
    at_look[:, 128:] = model.look_centroids[0]
    before, after = (
        taste_inputs(liked, rows._replace(vector_BE=v), model.look_centroids)[:, 3] for v in (rows.vector_BE, at_look)
    )
    assert (after > before).all()


def test_a_model_without_tastes_takes_states_and_rows_without_them(covers, states, rows):
    model = ClickModel(ModelShape(users=4, categories=2, width=16)).eval()
    nothing = torch.zeros(len(states.user_S), 0)
    bare = states._replace(subject_SK=nothing, doubt_SK=nothing, rate_SL=nothing, adored_SL=nothing)
    logits = model(covers, bare, rows._replace(factors_BK=torch.zeros(B, 0)))
    assert torch.isfinite(logits).all()
    assert "look_centroids" not in model.state_dict()
