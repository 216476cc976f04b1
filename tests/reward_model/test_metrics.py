import numpy as np
import pytest
from sklearn.metrics import log_loss as sk_log_loss
from sklearn.metrics import roc_auc_score

from reward_model.metrics import (
    auc_statistic,
    calibration_bins,
    ece_statistic,
    gauc_statistic,
    log_loss_statistic,
    measure,
    reliability,
    user_auc,
    user_weights,
)


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    user = rng.integers(0, 40, 3000)
    score = np.round(rng.random(3000), 2)
    clicked = rng.random(3000) < 0.1 + 0.6 * score
    return user, clicked, score


def test_user_auc_and_gauc_by_hand():
    # User 0: positives 0.9 and 0.2, negatives 0.5 and 0.2: wins 1 + 1 + 0 + 1/2 of 4 pairs. User 1: all clicks.
    # User 2: one pair, lost.
    user = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    clicked = np.array([1, 0, 1, 0, 1, 1, 1, 0], bool)
    score = np.array([0.9, 0.5, 0.2, 0.2, 0.3, 0.4, 0.1, 0.8])
    auc, rows = user_auc(user, clicked, score)
    assert auc[0] == 2.5 / 4
    assert np.isnan(auc[1])
    assert auc[2] == 0.0
    assert rows.tolist() == [4, 0, 2]
    assert gauc_statistic(user, clicked, score, 3)(np.ones((1, 3)))[0] == pytest.approx((4 * 0.625 + 2 * 0.0) / 6)


def test_user_auc_is_that_of_sklearn_per_user(sample):
    user, clicked, score = sample
    auc, rows = user_auc(user, clicked, score)
    for one in range(40):
        mine = user == one
        assert auc[one] == pytest.approx(roc_auc_score(clicked[mine], score[mine]))
        assert rows[one] == mine.sum()


def test_auc_with_weights_is_that_of_sklearn(sample):
    user, clicked, score = sample
    weights = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), size=3).astype(float)
    values = auc_statistic(user, clicked, score)(weights)
    expected = [roc_auc_score(clicked, score, sample_weight=row[user]) for row in weights]
    assert values == pytest.approx(expected)


def test_log_loss_is_that_of_sklearn(sample):
    user, clicked, score = sample
    probability = np.clip(score, 0.01, 0.99)
    value = log_loss_statistic(user, clicked, probability, 40)(np.ones((1, 40)))[0]
    assert value == pytest.approx(sk_log_loss(clicked, probability))


def test_ece_by_hand():
    # 30 rows fill 15 bins of two: predictions of 0.2 with one click in two are off by 0.3 everywhere.
    user = np.zeros(30, int)
    clicked = np.tile([True, False], 15)
    assert ece_statistic(user, clicked, np.full(30, 0.2), 1)(np.ones((1, 1)))[0] == pytest.approx(0.3)
    assert ece_statistic(user, clicked, np.full(30, 0.5), 1)(np.ones((1, 1)))[0] == pytest.approx(0.0)


def test_bins_have_equal_mass_and_follow_the_prediction():
    probability = np.random.default_rng(2).random(45)
    number = calibration_bins(probability > 0.5, probability, 15)
    assert np.bincount(number).tolist() == [3] * 15
    assert (np.diff(number[np.argsort(probability)]) >= 0).all()


def test_reliability_rows_add_up(sample):
    _, clicked, score = sample
    bins = reliability(clicked, score, 10)
    assert sum(row["rows"] for row in bins) == len(score)
    assert sum(row["rows"] * row["observed"] for row in bins) == pytest.approx(clicked.sum())


def test_user_weights_keep_the_number_of_users_and_repeat():
    first = np.concatenate(list(user_weights(7, 60, 3)))
    assert first.shape == (61, 7)
    assert (first.sum(axis=1) == 7).all()
    assert np.array_equal(first, np.concatenate(list(user_weights(7, 60, 3))))


def test_weights_that_are_kept_are_those_that_are_drawn(monkeypatch):
    kept = [np.concatenate(list(user_weights(9, 60, 5))) for _ in range(2)]
    monkeypatch.setattr("reward_model.metrics.KEPT_WEIGHTS", 0)
    drawn = np.concatenate(list(user_weights(9, 60, 5)))
    assert np.array_equal(kept[0], drawn)
    assert np.array_equal(kept[1], drawn)


def test_no_users_is_an_error():
    with pytest.raises(ValueError, match="no users"):
        list(user_weights(0, 10, 1))


def test_measure_pairs_the_difference(sample):
    user, clicked, score = sample
    noise = np.random.default_rng(4).random(3000)
    names = np.array([f"u{number}" for number in user], object)
    result = measure(
        names, clicked, {"good": score, "bad": noise}, pairs=[("good", "bad"), ("good", "good")], resamples=200, seed=1
    )
    gain = result["good - bad"]["gauc"]
    assert gain.value == pytest.approx(result["good"]["gauc"].value - result["bad"]["gauc"].value)
    assert 0 < gain.low < gain.value < gain.high
    same = result["good - good"]["gauc"]
    assert same.low == same.value == same.high == 0.0


def test_the_interval_covers_as_often_as_it_says():
    # 60 repetitions of 80 users with a true log loss; a 95 % interval misses at most 8 times but once in 20,000.
    rng = np.random.default_rng(6)
    truth = -(0.3 * np.log(0.3) + 0.7 * np.log(0.7))
    missed = 0
    for seed in range(60):
        user = np.repeat(np.arange(80), 20)
        clicked = rng.random(1600) < 0.3
        value = measure(user, clicked, {"x": np.full(1600, 0.3)}, resamples=100, seed=seed)["x"]["log_loss"]
        missed += not value.low <= truth <= value.high
    assert missed <= 10
