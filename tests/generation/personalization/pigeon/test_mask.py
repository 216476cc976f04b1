"""The mask keeps what it says, is quiet, and has a gradient."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.mask import Mask, count_kept, gumbel, kept_of
from tests.generation.personalization.pigeon.conftest import a_history


@given(
    clicks=st.integers(0, 32),
    skips=st.integers(0, 16),
    ratio=st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]),
    seed=st.integers(0, 3),
)
def test_exactly_so_many_clicks_are_kept_and_neither_skips_nor_padding_are_chosen(clicks, skips, ratio, seed):
    if clicks + skips == 0:
        return
    events = Events.of(torch.from_numpy(a_history(seed, clicks, skips))[None])
    scores = torch.randn(1, 48, generator=torch.Generator().manual_seed(seed))
    kept = kept_of(scores, events, torch.tensor([ratio]), tau=1.0)[0]
    wanted = clicks if clicks <= 2 else max(1, math.ceil((1 - ratio) * clicks - 1e-9))
    assert ((kept == 0) | (kept == 1)).all()
    assert kept[:clicks].sum() == wanted
    assert (kept[clicks:] == 1).all()
    dropped = scores[0, :clicks][kept[:clicks] == 0]
    if len(dropped):
        assert dropped.max() <= scores[0, :clicks][kept[:clicks] == 1].min()


def test_the_gradient_is_the_sigmoids_around_the_threshold():
    """Two kept of three, scores 2, 1, 0: the threshold is 0.5, and the slope at a distance d is s(d)(1 - s(d))."""
    events = Events.of(torch.from_numpy(a_history(1, clicks=3, skips=1))[None])
    scores = torch.zeros(1, 48)
    scores[0, :3] = torch.tensor([2.0, 1.0, 0.0])
    scores.requires_grad_()
    kept = kept_of(scores, events, torch.tensor([0.34]), tau=1.0)
    assert kept[0, :3].tolist() == [1, 1, 0]
    kept.sum().backward()
    at = torch.sigmoid(torch.tensor([1.5, 0.5, -0.5]))
    torch.testing.assert_close(scores.grad[0, :3], at * (1 - at))
    assert not scores.grad[0, 3:].any()


def test_scores_do_not_hear_padding_and_are_the_same_twice(histories):
    torch.manual_seed(0)
    mask = Mask(16, 4)
    tokens = torch.randn(3, 48, 16)
    events = Events.of(histories)
    agreement = torch.randn(3, 48)
    first = mask.scores(tokens, events.known, agreement)
    tokens[0, 20:] = 9.0
    again = mask.scores(tokens, events.known, agreement)
    torch.testing.assert_close(first[0, :11], again[0, :11])
    assert torch.isfinite(first).all()
    assert torch.equal(mask.scores(tokens, events.known, agreement), again)


def test_a_masked_token_is_replaced():
    mask = Mask(4, 2)
    torch.nn.init.ones_(mask.embedding)
    tokens = torch.zeros(1, 2, 4)
    assert mask.over(tokens, torch.tensor([[1.0, 0.0]])).tolist() == [[[0.0] * 4, [1.0] * 4]]


def test_gumbel_noise_has_the_mean_of_its_distribution():
    """Euler's constant, 0.5772."""
    drawn = gumbel(torch.Size([200_000]), torch.Generator().manual_seed(0))
    assert float(drawn.mean()) == pytest.approx(0.5772, abs=0.02)


def test_counts():
    assert count_kept(torch.tensor([1, 2, 5]), torch.ones(3)).tolist() == [1, 2, 1]
    assert count_kept(torch.tensor([5]), torch.zeros(1)).tolist() == [5]
