"""A trained model on rows of the log."""

import numpy as np
import pytest
import torch

from reward_model.predictor import ExampleTensors


def test_the_liked_style_scores_higher_for_each_taste(toy, split, trained):
    rows = split.test
    probability = trained.predictor.probabilities(rows)
    style = np.array([toy.style_of[rows.covers.ids[int(cover) - 1].as_py()] for cover in rows.cover])
    taste = np.array([toy.taste[user] for user in rows.user])
    for one in (0, 1):
        assert (
            probability[(taste == one) & (style == one)].mean()
            > 1.5 * probability[(taste == one) & (style != one)].mean()
        )


def test_the_number_of_unknown_users_stays_without_effect(trained):
    for member in trained.predictor.model.members:
        assert not member.own.weight[0].any()
        assert member.own.weight[1:].any()


def test_batches_hold_every_row_once_with_its_own_state(split, trained):
    data = ExampleTensors(trained.predictor, split.train)
    order = np.random.default_rng(0).permutation(len(data.states_used))
    parts = list(data.spans(order, 64))
    rows = np.concatenate([data.row_numbers(part) for part in parts])
    assert sorted(rows) == list(range(len(split.train)))
    table, states, batch = data.batch(parts[0])
    first = data.row_numbers(parts[0])[0]
    state = split.train.state[first]
    history = split.train.states.history
    assert torch.equal(states.clicked_SK[0], torch.from_numpy(history.clicked[state].astype(np.float32)))
    assert np.array_equal(table[states.cover_SK[0]].numpy(), split.train.covers.vectors[history.cover[state]])
    assert np.array_equal(batch.vector_BE[0].numpy(), split.train.covers.vectors[split.train.cover[first]])


def test_rows_out_of_order_are_refused(split, trained):
    state = split.train.state[::-1].copy()
    shuffled = type(split.train)(**{**vars(split.train), "state": state})
    with pytest.raises(ValueError, match="ordered by state"):
        trained.predictor.logits(shuffled)
