import itertools

import numpy as np
import pytest
from ranx import Qrels, Run, evaluate
from sklearn.metrics import roc_auc_score

from recsys_eval.ranking.metrics import auc, discounted_gain, gauc, ndcg, reciprocal_rank, request_metrics


def request(scores, clicked):
    n = len(scores)
    return np.zeros(n, np.int64), np.array(scores, float), np.array(clicked, bool)


def test_ndcg_by_hand():
    # clicks at ranks 1 and 3: (1/log2(2) + 1/log2(4)) / (1/log2(2) + 1/log2(3)) = 1.5 / 1.63093
    assert ndcg(*request([4, 3, 2, 1], [1, 0, 1, 0])) == pytest.approx([1.5 / (1 + 1 / np.log2(3))])
    # only rank 1 counts at k=1, and the ideal has one click there
    assert ndcg(*request([4, 3, 2, 1], [1, 0, 1, 0]), k=1) == pytest.approx([1.0])
    assert ndcg(*request([1, 2], [1, 0]), k=1) == pytest.approx([0.0])


def test_reciprocal_rank_by_hand():
    assert reciprocal_rank(*request([4, 3, 2, 1], [0, 0, 1, 1])) == pytest.approx([1 / 3])


def test_auc_by_hand():
    # clicked 0.9 and 0.2 against 0.5 and 0.1: wins 2 of 2, then 1 of 2 -> 3/4
    assert auc(*request([0.9, 0.2, 0.5, 0.1], [1, 1, 0, 0])) == pytest.approx([0.75])


def test_gauc_weighs_users_by_impressions():
    users = np.array([0, 0, 1, 1, 1, 1, 2])
    scores = np.array([1.0, 2, 4, 3, 2, 1, 5])
    clicked = np.array([1, 0, 1, 0, 0, 0, 1], bool)
    # user 0: AUC 0 with 2 impressions; user 1: AUC 1 with 4; user 2 has no skip -> 4/6
    assert gauc(users, scores, clicked) == pytest.approx(4 / 6)


@pytest.mark.parametrize("scores", [[1, 1, 1, 1], [2, 1, 1, 0], [3, 3, 1, 1], [1, 2, 2, 2]])
@pytest.mark.parametrize("clicked", [[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]])
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_ties_are_the_mean_over_all_orders(scores, clicked, k):
    scores, clicked = np.array(scores, float), np.array(clicked, bool)
    ndcgs, ranks = [], []
    ideal = sum(1 / np.log2(r + 2) for r in range(min(k, clicked.sum())))
    for order in itertools.permutations(range(4)):
        if any(scores[a] < scores[b] for a, b in itertools.pairwise(order)):
            continue
        hits = clicked[list(order)]
        ndcgs.append(sum(h / np.log2(r + 2) for r, h in enumerate(hits[:k])) / ideal)
        ranks.append(1 / (np.flatnonzero(hits)[0] + 1))
    assert ndcg(*request(scores, clicked), k=k) == pytest.approx([np.mean(ndcgs)])
    assert reciprocal_rank(*request(scores, clicked)) == pytest.approx([np.mean(ranks)])


def test_row_order_cannot_help_a_constant_ranker():
    rng = np.random.default_rng(3)
    clicked = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], bool)
    for metric in (ndcg, reciprocal_rank, auc):
        values = {float(metric(*request(np.zeros(10), rng.permutation(clicked)))[0].round(12)) for _ in range(5)}
        assert len(values) == 1
    assert auc(*request(np.zeros(10), clicked)) == [0.5]


def test_groups_without_clicks_are_undefined_not_zero():
    groups = np.array([0, 0, 2, 2])
    scores = np.array([1.0, 2, 3, 4])
    clicked = np.array([0, 0, 0, 1], bool)
    for metric in (ndcg, reciprocal_rank, auc):
        values = metric(groups, scores, clicked)
        assert np.isnan(values[0])
        assert np.isnan(values[1])
        assert values[2] == 1.0


def test_empty_input():
    empty = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)
    assert ndcg(*empty).shape == reciprocal_rank(*empty).shape == auc(*empty).shape == (0,)
    assert np.isnan(gauc(*empty))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one length"):
        ndcg(np.zeros(2, np.int64), np.zeros(3), np.zeros(2, bool))
    with pytest.raises(ValueError, match="NaN or infinity"):
        auc(*request([1, np.nan], [1, 0]))
    with pytest.raises(ValueError, match="at least 1"):
        ndcg(*request([1], [1]), k=0)


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(200), rng.integers(2, 21, 200))
    scores = rng.permutation(groups.size).astype(float)  # no ties: ranx breaks them by order
    return rng.permuted(groups), scores, rng.random(groups.size) < 0.2


def test_agrees_with_ranx(log):
    groups, scores, clicked = log
    relevant = {}
    run = {}
    for g in range(200):
        rows = np.flatnonzero(groups == g)
        if clicked[rows].any():
            relevant[str(g)] = {str(i): 1 for i in rows if clicked[i]}
            run[str(g)] = {str(i): float(scores[i]) for i in rows}
    expected = evaluate(Qrels(relevant), Run(run), ["ndcg@10", "ndcg@3", "mrr"], make_comparable=True)
    assert np.nanmean(ndcg(*log)) == pytest.approx(expected["ndcg@10"], abs=1e-9)
    assert np.nanmean(ndcg(*log, k=3)) == pytest.approx(expected["ndcg@3"], abs=1e-9)
    assert np.nanmean(reciprocal_rank(*log)) == pytest.approx(expected["mrr"], abs=1e-9)


def test_auc_agrees_with_sklearn(log):
    groups, scores, clicked = log
    scores = np.floor(scores / 400)  # many ties
    ours = auc(groups, scores, clicked)
    for g in range(200):
        rows = groups == g
        if 0 < clicked[rows].sum() < rows.sum():
            assert ours[g] == pytest.approx(roc_auc_score(clicked[rows], scores[rows]))
        else:
            assert np.isnan(ours[g])


def test_both_of_one_sorting_are_what_each_is_alone():
    rng = np.random.default_rng(8)
    groups, scores, clicked = np.repeat(np.arange(30), 7), rng.integers(0, 4, 210) / 4, rng.random(210) < 0.2
    gain = rng.random(210)
    found = request_metrics(groups, scores, clicked, [gain], k=5)
    np.testing.assert_array_equal(found.ndcg, ndcg(groups, scores, clicked, k=5))
    np.testing.assert_array_equal(found.reciprocal_rank, reciprocal_rank(groups, scores, clicked))
    np.testing.assert_array_equal(found.discounted[0], discounted_gain(groups, scores, gain, k=5))


def test_discounted_gain_by_hand():
    # two requests; gains 2 at rank 1 and 1 at rank 3: 2 + 1/2; then two tied at ranks 1 and 2 share (1 + 0.63093) / 2
    groups = np.array([0, 0, 0, 1, 1])
    scores, gains = np.array([3.0, 2, 1, 7, 7]), np.array([2.0, 0, 1, 0, 4])
    expected = [2 + 1 / np.log2(4), 4 * (1 + 1 / np.log2(3)) / 2]
    assert discounted_gain(groups, scores, gains) == pytest.approx(expected)
    assert discounted_gain(groups, scores, gains, k=1) == pytest.approx([2, 4 / 2])


def test_discounted_gain_of_one_click_a_request_is_ndcg():
    rng = np.random.default_rng(4)
    groups, scores = np.repeat(np.arange(40), 6), rng.random(240)
    clicked = np.zeros(240, bool)
    clicked[np.arange(40) * 6 + rng.integers(0, 6, 40)] = True
    np.testing.assert_allclose(
        discounted_gain(groups, scores, clicked.astype(float), k=4), ndcg(groups, scores, clicked, k=4)
    )
