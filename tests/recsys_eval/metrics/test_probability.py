import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from recsys_eval.metrics.probability import probability_metrics


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_sklearn(seed):
    rng = np.random.default_rng(seed)
    chance = rng.integers(1, 20, 400) / 20  # many ties
    clicked = rng.random(400) < chance
    found = probability_metrics(clicked, chance)
    assert found.log_loss == pytest.approx(log_loss(clicked, chance), abs=1e-9)
    assert found.auc == pytest.approx(roc_auc_score(clicked, chance), abs=1e-9)
    mean = np.full(400, clicked.mean())
    assert found.normalised_entropy == pytest.approx(log_loss(clicked, chance) / log_loss(clicked, mean), abs=1e-9)


def test_calibration_by_hand():
    # 15 bins of two rows each, said to be 0.5: half of the rows were clicked in pairs, so every bin is wrong by 0.5
    clicked = np.repeat([True, False] * 7 + [True], 2)
    found = probability_metrics(clicked, np.full(30, 0.5))
    assert found.calibration_error == pytest.approx(0.5)
    assert found.calibration == pytest.approx(15 / 16)


def test_one_class_has_neither_auc_nor_entropy():
    found = probability_metrics(np.zeros(3, bool), np.full(3, 0.1))
    assert np.isnan([found.auc, found.normalised_entropy, found.calibration]).all()
    assert found.log_loss == pytest.approx(-np.log(0.9))


@pytest.mark.parametrize(
    ("clicked", "probability", "words"),
    [
        (np.zeros(0, bool), np.zeros(0), "not empty"),
        (np.zeros(2, bool), np.zeros(3), "alike"),
        (np.zeros(2, bool), np.array([0.5, 1.5]), "link"),
        (np.zeros(2, bool), np.array([0.5, np.nan]), "link"),
    ],
)
def test_bad_rows_are_named(clicked, probability, words):
    with pytest.raises(ValueError, match=words):
        probability_metrics(clicked, probability)
