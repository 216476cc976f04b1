import numpy as np
import pytest
import torch

from conf.settings import RewardSettings
from jobs.lake.context import silent
from reward_model.metrics import measure
from reward_model.train import epochs_of, reproducible, train
from tests.support.worlds.toy_world import ENCODER


def test_it_learns_a_preference_that_item_statistics_cannot_show(split, trained):
    rows = split.test
    predictions = {"torch": trained.predictor.probabilities(rows), "item_ctr": rows.item_ctr}
    result = measure(rows.user, rows.clicked, predictions, pairs=[("torch", "item_ctr")], resamples=200, seed=1)
    assert result["torch"]["gauc"].value > 0.74
    assert result["item_ctr"]["gauc"].value < 0.56
    assert result["torch - item_ctr"]["gauc"].low > 0.15


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


def test_reproducible_leaves_the_process_as_it_was():
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    with reproducible(3, 1):
        assert torch.get_num_threads() == 1
        torch.rand(3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(("rows", "epochs"), [(216_682, 4), (45_589, 14), (1000, 600), (0, 600)])
def test_a_small_log_is_gone_through_more_often(rows, epochs):
    """By hand: 45,589 rows are 45 steps of 1,024, of which 600 need 13.3 epochs; 216,682 rows are 212 steps."""
    assert epochs_of(rows, RewardSettings()) == epochs
    assert epochs_of(rows, RewardSettings(least_steps=0)) == 4
