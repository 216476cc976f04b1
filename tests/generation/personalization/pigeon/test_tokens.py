"""Tokens of events and items."""

import torch

from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.tokens import HistoryTokens, ItemTokens


def test_an_event_is_a_token_that_hears_every_column(histories):
    torch.manual_seed(0)
    tokens = HistoryTokens(16, embedding_dim=128)
    first = tokens(Events.of(histories))
    assert first.shape == (3, 48, 16)
    for column in (0, 159, 161, 162, 163):
        other = histories.clone()
        other[0, 0, column] += 0.5
        assert not torch.equal(tokens(Events.of(other))[0, 0], first[0, 0])
    skipped = histories.clone()
    skipped[0, 0, 160] = -1
    change = tokens(Events.of(skipped))[0, 0] - first[0, 0]
    torch.testing.assert_close(change, tokens.kind.weight[0] - tokens.kind.weight[1], atol=1e-5, rtol=1e-5)


def test_an_item_is_its_title_and_sixteen_places():
    torch.manual_seed(0)
    item = ItemTokens(16)
    text, places = torch.randn(2, 384), torch.randn(2, 16, 1280)
    found = item(text, places)
    assert found.shape == (2, 17, 16)
    places[:, 3] += torch.randn(1280)
    changed = (item(text, places) != found).any(2).any(0)
    assert changed.nonzero().flatten().tolist() == [4]
