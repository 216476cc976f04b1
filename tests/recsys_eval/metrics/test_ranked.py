import numpy as np
import pytest

from recsys_eval.metrics.ranked import Ranked, at_least_one, sorted_rows


@pytest.mark.parametrize("sizes", [[4, 4, 4], [1, 5, 3, 0, 2], [40, 1, 1], [0, 0, 3], [7]])
@pytest.mark.parametrize("shuffled", [False, True])
def test_rows_are_sorted_as_lexsort_does_ties_included(sizes, shuffled):
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    groups = rng.permutation(groups) if shuffled else groups
    scores = rng.integers(0, 3, groups.size) / 2
    found = sorted_rows(groups, scores, np.bincount(groups, minlength=len(sizes)))
    np.testing.assert_array_equal(found, np.lexsort((-scores, groups)))


def test_runs_of_ties_are_known_with_the_clicks_above_them():
    groups, scores = np.array([1, 0, 0, 1, 1, 0]), np.array([2.0, 1, 1, 5, 2, 3])
    ranked = Ranked(groups, scores, np.array([1, 0, 1, 1, 0, 1], bool))
    # group 0: 3 clicked, then 1 and 1 with one click; group 1: 5 clicked, then 2 and 2 with one click
    assert ranked.tie_start.tolist() == [1, 2, 1, 2]
    assert ranked.tie_size.tolist() == [1, 2, 1, 2]
    assert ranked.clicks_above().tolist() == [0, 1, 0, 1]
    assert ranked.clicks.tolist() == [2, 2]
    assert ranked.shared(np.array([9.0, 1, 3, 9, 5, 7])).tolist() == [9, 2, 2, 9, 6, 6]


def test_no_rows_are_no_groups():
    ranked = Ranked(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool))
    assert (ranked.n_groups, ranked.clicks_above().size) == (0, 0)


def test_a_cut_is_at_least_one():
    assert at_least_one(1) == 1
    with pytest.raises(ValueError, match="at least 1"):
        at_least_one(0)
