import lightgbm as lgb
import numpy as np
import pytest

from recsys_eval.ranking.rankers import Labelled, RankerSettings, fit, score, useful_rows

SETTINGS = RankerSettings(trees=40, seeds=(1, 2))


def log(seed=0, requests=1500, page=8):
    """Clicks follow one column, and position: the better items were shown first."""
    rng = np.random.default_rng(seed)
    n = requests * page
    request = np.repeat(np.arange(requests), page)
    taste, popular = rng.normal(size=n), rng.normal(size=n)
    order = np.lexsort((-(popular + rng.normal(size=n)), request))
    taste, popular = taste[order], popular[order]
    position = np.tile(np.arange(1, page + 1), requests)
    chance = 0.5 / (1 + np.exp(-2 * taste)) / position
    columns = np.column_stack([taste, popular])
    return Labelled(columns=columns, clicked=rng.random(n) < chance, request=request, position=position)


def mean_score(boosters, columns):
    return score(boosters, columns).mean(axis=0)


def test_learns_what_is_clicked_and_not_where_it_was_shown():
    boosters = fit(log(), SETTINGS)
    grid = np.array([[-1.5, 0.0], [0.0, 0.0], [1.5, 0.0]])
    assert (np.diff(mean_score(boosters, grid)) > 0).all()
    # popularity only decided the position; debiased, it hardly moves the score
    spread_taste = np.ptp(mean_score(boosters, np.array([[-1.5, 0], [1.5, 0]])))
    spread_popular = np.ptp(mean_score(boosters, np.array([[0, -1.5], [0, 1.5]])))
    assert spread_popular < 0.35 * spread_taste


def test_debiasing_is_what_does_it():
    rows = log()
    debiased = fit(rows, SETTINGS)
    blind = Labelled(
        columns=rows.columns, clicked=rows.clicked, request=rows.request, position=np.ones_like(rows.position)
    )
    biased = fit(blind, SETTINGS)
    ends = np.array([[0, -1.5], [0, 1.5]])
    assert np.ptp(mean_score(debiased, ends)) < np.ptp(mean_score(biased, ends))


def test_same_seed_same_scores_and_other_seed_others():
    rows = log(requests=200)
    first, again = score(fit(rows, SETTINGS), rows.columns), score(fit(rows, SETTINGS), rows.columns)
    assert np.array_equal(first, again)
    other = score(fit(rows, RankerSettings(trees=20, seeds=(3,))), rows.columns)
    assert not np.allclose(first[:1], other)


def test_one_row_of_scores_per_seed():
    rows = log(requests=200)
    boosters = fit(rows, SETTINGS)
    assert all(isinstance(booster, lgb.Booster) for booster in boosters)
    found = score(boosters, rows.columns)
    assert found.shape == (len(SETTINGS.seeds), len(rows.clicked))
    assert found[1] == pytest.approx(boosters[1].predict(rows.columns))
    assert not np.allclose(found[0], found[1])


def test_requests_without_an_order_are_left_out():
    rows = Labelled(
        columns=np.zeros((6, 1)),
        clicked=np.array([1, 0, 0, 0, 1, 1], bool),
        request=np.array([0, 0, 1, 1, 2, 2]),
        position=np.array([1, 2, 1, 2, 1, 2]),
    )
    assert useful_rows(rows.request, rows.clicked).tolist() == [True, True, False, False, False, False]
    nothing = Labelled(columns=rows.columns, clicked=np.zeros(6, bool), request=rows.request, position=rows.position)
    with pytest.raises(ValueError, match="no order to learn"):
        fit(nothing, SETTINGS)


def test_rows_out_of_order_are_refused():
    with pytest.raises(ValueError, match="ordered by request"):
        Labelled(
            columns=np.zeros((2, 1)),
            clicked=np.zeros(2, bool),
            request=np.array([1, 0]),
            position=np.array([1, 1]),
        )
