import numpy as np
import pytest

from jobs.ingest.importers.negatives import NONE, Pool, draw_negatives

CLICKED = np.array([0, 1, 2, 0])
USERS = np.array([1, 1, 2, 3])


def test_negatives_are_different_and_none_of_what_the_user_clicked():
    pool = Pool(np.arange(6), np.array([50.0, 50, 1, 1, 1, 1]))
    drawn = draw_negatives(CLICKED, USERS, pool, 3, np.random.default_rng(0))
    assert drawn.shape == (4, 3)
    for user, row in zip(USERS, drawn, strict=True):
        assert len(set(row)) == 3
        assert not set(row) & set(CLICKED[user == USERS])


def test_where_the_pool_is_too_small_there_are_fewer():
    drawn = draw_negatives(CLICKED, USERS, Pool(np.arange(3)), 2, np.random.default_rng(0))
    # User 1 clicked two of the three items, so one is left.
    assert [sorted(row) for row in drawn[:2].tolist()] == [[NONE, 2]] * 2
    assert sorted(drawn[3].tolist()) == [1, 2]


@pytest.mark.parametrize(
    ("weights", "shares"), [(None, [1 / 3, 1 / 3, 1 / 3]), ([1.0, 2.0, 5.0], [1 / 8, 2 / 8, 5 / 8])]
)
def test_items_are_drawn_as_often_as_their_weights_say(weights, shares):
    """By hand: shares of 20,000 draws, four standard deviations of 0.0035 each."""
    pool = Pool(np.array([1, 2, 3]), None if weights is None else np.array(weights))
    clicked = np.zeros(20_000, np.int64)
    drawn = draw_negatives(clicked, np.arange(20_000), pool, 1, np.random.default_rng(3))
    assert np.bincount(drawn[:, 0], minlength=4)[1:] / 20_000 == pytest.approx(shares, abs=0.014)


def test_the_seed_decides():
    pool = Pool(np.arange(100))
    first, again, other = (draw_negatives(CLICKED, USERS, pool, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
