import numpy as np
import pytest
import torch

from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_image_encoder, to_tensor
from reward_model.network.ensemble_member import ModelShape, RowTensors, StateTensors
from reward_model.network.features import ITEM_COLUMNS, TITLE_COLUMNS, USER_COLUMNS
from reward_model.network.model import ClickModel, click_probability_from_pixels
from reward_model.network.user_state import VECTOR_DIM

S, K, B = 3, 5, 7


def unit(values):
    return torch.nn.functional.normalize(values, dim=-1)


@pytest.fixture
def covers():
    torch.manual_seed(1)
    vectors = torch.cat([unit(torch.randn(11, 128)), unit(torch.randn(11, 32))], dim=1)
    return torch.cat([torch.zeros(1, VECTOR_DIM), vectors])


@pytest.fixture
def model(covers):
    torch.manual_seed(0)
    model = ClickModel(ModelShape(users=4, categories=2, width=16))
    model.set_scales(covers[1:].numpy(), np.random.default_rng(0).normal(0, 0.1, (9, VECTOR_DIM)).astype(np.float32))
    model.category_share.copy_(torch.tensor([0.0, 0.6, 0.4]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def states():
    generator = torch.Generator().manual_seed(2)

    def whole(high, *size):
        return torch.randint(1, high, size, generator=generator)

    present = torch.ones(S, K, dtype=torch.bool)
    present[0, 2:] = False
    present[1] = False
    return StateTensors(
        user_S=torch.tensor([0, 1, 2]),
        numeric_SN=torch.randn(S, len(USER_COLUMNS), generator=generator),
        rate_S=torch.full((S,), 0.1),
        preference_SE=0.1 * torch.randn(S, VECTOR_DIM, generator=generator),
        cover_SK=whole(12, S, K),
        item_SK=whole(6, S, K),
        category_SK=whole(3, S, K),
        clicked_SK=(torch.rand(S, K, generator=generator) < 0.3).float(),
        age_SK=torch.rand(S, K, generator=generator),
        place_SK=whole(10, S, K),
        present_SK=present,
    )


@pytest.fixture
def rows(covers):
    generator = torch.Generator().manual_seed(3)
    return RowTensors(
        state_B=torch.tensor([0, 0, 1, 1, 2, 2, 2]),
        vector_BE=covers[1 : B + 1],
        numeric_BN=torch.randn(B, len(ITEM_COLUMNS), generator=generator),
        unseen_B=torch.zeros(B),
        title_BT=torch.rand(B, len(TITLE_COLUMNS), generator=generator),
        words_BW=unit(torch.randn(B, 128, generator=generator)),
        item_B=torch.tensor([0, 1, 2, 3, 4, 5, 5]),
        category_B=torch.tensor([0, 1, 2, 1, 2, 1, 1]),
        affinity_B=torch.zeros(B),
        place_B=torch.tensor([1, 2, 3, 4, 5, 10, 99]),
    )


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


def test_padding_does_not_matter(model, covers, states, rows):
    cover = states.cover_SK.clone()
    cover[~states.present_SK] = 7
    clicked = states.clicked_SK.clone()
    clicked[~states.present_SK] = 1.0
    other = states._replace(cover_SK=cover, clicked_SK=clicked)
    assert torch.equal(model(covers, states, rows), model(covers, other, rows))


def test_attention_is_the_relative_rate_by_hand(model, covers, states, rows):
    # All events count alike when similarity, event and same-item weights are zero: state 2 has 5 events.
    member = model.members[0]
    with torch.no_grad():
        for parameter in (member.similarity.weight, member.event.weight, member.event.bias, member.same):
            parameter.zero_()
        model.position_slope.zero_()
        model.position.weight.zero_()
        member.sink.fill_(0.0)
        side = model.encode_users(covers, states)[0]
        liked = member.attend(side, states, rows, model.scaled_covers(rows.vector_BE))
    sink = np.log(2.0)  # softplus(0)
    clicks = states.clicked_SK[2].sum().item()
    assert liked[4].tolist() == pytest.approx([np.log((sink + clicks) / (sink + 5 * 0.1))] * 2, rel=1e-5)
    assert liked[2].tolist() == pytest.approx([0.0, 0.0])  # state 1 has no events: nothing is known


def test_familiarity_by_hand(model, covers, states, rows):
    side = model.encode_users(covers, states)[0]
    count = (states.category_SK[2] == 1).sum().item()
    sink = torch.nn.functional.softplus(model.members[0].sink[-1]).item()
    assert side.met_SC[2, 1].item() == pytest.approx(np.log((sink + count) / (sink + 5 * 0.6)), rel=1e-5)
    assert side.met_SC[1].tolist() == pytest.approx([0.0] * 3)


def test_style_axes_have_unit_variance(model, covers):
    style = model.scaled_covers(covers[1:])[:, 128:] @ model.style_basis
    assert (style.T @ style / len(style)).numpy() == pytest.approx(np.eye(6), abs=1e-3)


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
