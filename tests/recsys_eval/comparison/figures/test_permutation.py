import numpy as np
import pytest

from recsys_eval.comparison.figures.permutation import permutation_test


def test_what_pleases_its_owner_alone_is_found():
    mine = np.full((30, 30), 0.1) + 0.4 * np.eye(30)
    found = permutation_test([mine], shuffles=500, seed=1)
    assert found.own == pytest.approx(0.5)
    assert found.shuffled == pytest.approx(0.1 + 0.4 / 30, abs=0.01)  # a shuffle keeps one owner on average
    assert found.p == pytest.approx(1 / 501)
    assert found.z > 10


def test_what_pleases_everybody_alike_is_not():
    assert permutation_test([np.full((9, 9), 0.3)], shuffles=200, seed=1).p == 1.0
    values = np.random.default_rng(4).random((40, 40))
    assert permutation_test([values], shuffles=400, seed=2).p > 0.05


def test_owners_stay_in_their_group():
    """In two groups of one kind each nobody can be swapped with somebody else's taste."""
    one, other = np.full((6, 6), 0.9), np.full((6, 6), 0.1)
    found = permutation_test([one, other], shuffles=100, seed=0)
    assert found.own == found.shuffled == pytest.approx(0.5)
    assert found.n == 12


def test_nobody_to_swap_is_said():
    with pytest.raises(ValueError, match="two or more"):
        permutation_test([np.ones((1, 1))], shuffles=10, seed=0)
