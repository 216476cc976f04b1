"""What one member makes of a history, by hand."""

import numpy as np
import pytest
import torch


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
