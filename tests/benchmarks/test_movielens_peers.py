import numpy as np
import polars as pl
import pytest

from benchmarks.movielens_peers import figures, ndcg_of_users


def test_ndcg_is_of_requests_with_a_click_and_a_choice():
    """By hand: request 0 has its click second (1 / log2 3), request 1 first (1); 2 has one row, 3 has no click."""
    requests = np.array([0, 0, 1, 1, 2, 3, 3])
    users = np.array([0, 0, 1, 1, 1, 0, 0])
    clicked = np.array([0, 1, 1, 0, 1, 0, 0], bool)
    scores = np.array([2.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0])
    drawn = ndcg_of_users(requests, users, scores, clicked, 50)
    assert drawn[0] == pytest.approx((1 / np.log2(3) + 1) / 2)
    assert (len(drawn), drawn.min() >= 1 / np.log2(3), drawn.max() <= 1) == (51, True, True)


def test_a_line_has_both_figures_and_their_differences():
    """By hand: the first scores order both users' rows rightly (GAUC 1), the second wrongly (0)."""
    test = pl.DataFrame({"user_id": ["a", "a", "b", "b"], "request_id": ["r", "r", "s", "s"], "clicked": [1, 0, 1, 0]})
    right = np.array([2.0, 1.0, 9.0, -3.0])
    lines = figures(test, {"torch": right, "other": -right}, "torch")
    assert lines[0] == "| torch | 1.0000 [1.0000, 1.0000] |  | 1.0000 [1.0000, 1.0000] |  |"
    assert lines[1].startswith("| other | 0.0000 [0.0000, 0.0000] | -1.0000 [-1.0000, -1.0000] | 0.6309 ")
