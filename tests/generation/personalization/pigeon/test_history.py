"""Columns of a history."""

import torch

from generation.personalization.pigeon.history import Events


def test_columns_are_told_apart_and_padding_is_neither_clicked_nor_skipped(histories):
    events = Events.of(histories)
    assert events.look.shape == (3, 48, 160)
    assert events.clicks.tolist() == [6, 2, 0]
    assert events.known.sum(1).tolist() == [11, 7, 0]
    assert events.anything.tolist() == [True, True, False]
    assert events.examination[0, :11].tolist() == [0.5] * 11
    assert not events.clicked[2].any()


def test_dropped_rows_become_padding(histories):
    dropped = torch.zeros(3, 48, dtype=torch.bool)
    dropped[0, :5] = True
    events = Events.of(histories).without(dropped)
    assert events.clicks.tolist() == [1, 2, 0]
    assert not events.look[0, :5].any()
    assert torch.equal(events.look[0, 5:], Events.of(histories).look[0, 5:])
