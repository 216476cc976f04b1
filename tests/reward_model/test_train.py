import numpy as np
import pytest
import torch

from jobs.lake.context import silent
from reward_model.metrics import measure
from reward_model.predictor import ExampleTensors
from reward_model.train import reproducible, train
from tests.support.toy_world import ENCODER


def test_it_learns_a_preference_that_item_statistics_cannot_show(split, trained):
    rows = split.test
    predictions = {"torch": trained.predictor.probabilities(rows), "item_ctr": rows.item_ctr}
    result = measure(rows.user, rows.clicked, predictions, pairs=[("torch", "item_ctr")], resamples=200, seed=1)
    assert result["torch"]["gauc"].value > 0.74
    assert result["item_ctr"]["gauc"].value < 0.56
    assert result["torch - item_ctr"]["gauc"].low > 0.15


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


def test_the_same_rows_give_the_same_weights(toy, split, trained):
    settings = toy.settings.reward
    again = train(split.train, split.validation, settings, encoder_id=ENCODER, progress=silent).predictor
    for name, value in trained.predictor.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    assert again.calibration == trained.predictor.calibration


def test_another_seed_gives_another_model(toy, split, trained):
    settings = toy.settings.reward.model_copy(update={"seed": 12, "epochs": 1})
    other = train(split.train, split.validation, settings, encoder_id=ENCODER, progress=silent).predictor
    assert not np.array_equal(other.logits(split.test), trained.predictor.logits(split.test))


def test_the_epoch_with_the_lowest_validation_loss_is_kept(trained):
    losses = trained.validation_log_loss
    assert len(losses) == 6
    assert losses[trained.best_epoch - 1] == min(losses)


def test_the_number_of_unknown_users_stays_without_effect(trained):
    for member in trained.predictor.model.members:
        assert not member.own.weight[0].any()
        assert member.own.weight[1:].any()


def test_reproducible_leaves_the_process_as_it_was():
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    with reproducible(3, 1):
        assert torch.get_num_threads() == 1
        torch.rand(3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


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
