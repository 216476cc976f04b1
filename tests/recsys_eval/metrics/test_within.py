import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys_eval.metrics.within import auc, gauc


def request(scores, clicked):
    return np.zeros(len(scores), np.int64), np.array(scores, float), np.array(clicked, bool)


def test_auc_by_hand():
    # clicked 0.9 and 0.2 against 0.5 and 0.1: wins 2 of 2, then 1 of 2 -> 3/4
    assert auc(*request([0.9, 0.2, 0.5, 0.1], [1, 1, 0, 0])) == pytest.approx([0.75])


def test_gauc_weighs_users_by_impressions():
    users = np.array([0, 0, 1, 1, 1, 1, 2])
    scores = np.array([1.0, 2, 4, 3, 2, 1, 5])
    clicked = np.array([1, 0, 1, 0, 0, 0, 1], bool)
    # user 0: AUC 0 with 2 impressions; user 1: AUC 1 with 4; user 2 has no skip -> 4/6
    assert gauc(users, scores, clicked) == pytest.approx(4 / 6)


def test_a_constant_tells_nothing_apart():
    clicked = np.array([1, 0, 0, 0, 0], bool)
    assert auc(*request(np.zeros(5), clicked)) == [0.5]


def test_a_group_of_clicks_only_or_none_is_undefined():
    groups, clicked = np.array([0, 0, 1, 1, 3, 3]), np.array([0, 0, 1, 1, 0, 1], bool)
    np.testing.assert_array_equal(auc(groups, np.arange(6.0), clicked), [np.nan, np.nan, np.nan, 1.0])
    assert np.isnan(gauc(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)))


def test_agrees_with_sklearn():
    """On a thousand users, with many ties, some with one class only."""
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(1000), rng.integers(1, 21, 1000))
    scores, clicked = rng.integers(0, 6, groups.size) / 5, rng.random(groups.size) < 0.2
    found = auc(groups, scores, clicked)
    for group in range(1000):
        rows = groups == group
        if 0 < clicked[rows].sum() < rows.sum():
            assert found[group] == pytest.approx(roc_auc_score(clicked[rows], scores[rows]), abs=1e-9)
        else:
            assert np.isnan(found[group])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="NaN or infinity"):
        auc(*request([1, np.nan], [1, 0]))
