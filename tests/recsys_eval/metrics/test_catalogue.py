import numpy as np
import pytest

from recsys_eval.metrics.catalogue import coverage, mean_inverse_user_frequency, on_top


def test_the_first_k_of_every_group_are_on_top():
    groups, scores = np.array([1, 0, 0, 1, 0]), np.array([0.1, 0.2, 0.9, 0.3, 0.5])
    assert on_top(groups, scores, k=1).tolist() == [False, False, True, True, False]
    assert on_top(groups, scores, k=2).tolist() == [True, False, True, True, True]
    assert on_top(np.zeros(0, np.int64), np.zeros(0)).shape == (0,)


def test_coverage_counts_items_once():
    items = np.array([3, 3, 5, 7])
    assert coverage(items, np.array([True, True, True, False]), 8) == 2 / 8


def test_novelty_by_hand():
    # of 16 users 16, 4, 1 and 0 met the items: 0, 2, 4 and (as if one had) 4 bits
    seen_by = np.array([16, 4, 1, 0])
    groups, items, top = np.array([0, 0, 1, 2]), np.array([0, 1, 2, 3]), np.array([True, True, True, False])
    found = mean_inverse_user_frequency(groups, items, top, seen_by, 16)
    assert found[:2] == pytest.approx([1.0, 4.0])
    assert np.isnan(found[2])
    alone = mean_inverse_user_frequency(groups, items, np.array([False, False, False, True]), seen_by, 16)
    assert alone[2] == pytest.approx(4.0)
