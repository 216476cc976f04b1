import itertools
import os

import numpy as np
import pytest

from recsys_eval.metrics.ranking import (
    average_precision,
    discounted_gain,
    hit_rate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    request_metrics,
)

os.environ["NUMBA_DISABLE_JIT"] = "1"  # compiling takes ranx a minute, a thousand requests in Python a moment
from ranx import Qrels, Run, evaluate

CUT = (ndcg, precision, recall, hit_rate, average_precision)
"""Metrics of the first k ranks."""
METRICS = (*CUT, reciprocal_rank)


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


def by_definition(hits, k):
    """Every metric of one order of clicks, from its formula."""
    clicks, top = sum(hits), hits[:k]
    discount = [1 / np.log2(r + 2) for r in range(k)]
    precisions = [sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(top) if hit]
    return {
        "ndcg": sum(h * d for h, d in zip(top, discount, strict=False)) / sum(discount[: min(k, clicks)]),
        "full ndcg": sum(h * d for h, d in zip(top, discount, strict=False)) / sum(discount),
        "reciprocal rank": 1 / (hits.index(1) + 1),
        "precision": sum(top) / k,
        "recall": sum(top) / clicks,
        "hit rate": float(any(top)),
        "average precision": sum(precisions) / clicks,
        "average precision over k": sum(precisions) / min(k, clicks),
    }


def by_expectation(groups, scores, clicked, k):
    """The same by the functions, an array a metric."""
    return {
        "ndcg": ndcg(groups, scores, clicked, k=k),
        "full ndcg": ndcg(groups, scores, clicked, k=k, ideal="full"),
        "reciprocal rank": reciprocal_rank(groups, scores, clicked),
        "precision": precision(groups, scores, clicked, k=k),
        "recall": recall(groups, scores, clicked, k=k),
        "hit rate": hit_rate(groups, scores, clicked, k=k),
        "average precision": average_precision(groups, scores, clicked, k=k),
        "average precision over k": average_precision(groups, scores, clicked, k=k, over="k"),
    }


@pytest.mark.parametrize("scores", [[1, 1, 1, 1, 1], [2, 1, 1, 0, 0], [3, 3, 1, 1, 1], [1, 2, 2, 2, 0]])
@pytest.mark.parametrize("clicked", [[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_ties_are_the_mean_over_all_orders(scores, clicked, k):
    orders = [
        order
        for order in itertools.permutations(range(5))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    wanted = [by_definition([clicked[place] for place in order], k) for order in orders]
    for name, found in by_expectation(*request(scores, clicked), k).items():
        assert found == pytest.approx([np.mean([each[name] for each in wanted])]), name


def test_a_thousand_requests_are_what_a_loop_over_them_says():
    """Of any length, with ties between requests only, empty ones and some that were clicked throughout."""
    rng = np.random.default_rng(7)
    sizes = rng.integers(0, 25, 1000)
    groups = np.repeat(np.arange(1000), sizes)
    scores = rng.permutation(groups.size) / 7
    clicked = rng.random(groups.size) < rng.choice([0.0, 0.1, 0.5, 1.0], 1000)[groups]
    shuffled = rng.permutation(groups.size)
    found = by_expectation(groups[shuffled], scores[shuffled], clicked[shuffled], 10)
    for group in range(found["ndcg"].size):
        rows = np.flatnonzero(groups == group)
        hits = [int(clicked[row]) for row in rows[np.argsort(-scores[rows])]]
        if any(hits):
            wanted = by_definition(hits, 10)
            assert {name: values[group] for name, values in found.items()} == pytest.approx(wanted, abs=1e-12)
        else:
            assert all(np.isnan(values[group]) for values in found.values())


def test_agrees_with_ranx():
    """To 1e-9 on a thousand requests without ties, which ranx breaks by order."""
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(1000), rng.integers(2, 21, 1000))
    scores, clicked = rng.permutation(groups.size).astype(float), rng.random(groups.size) < 0.2
    relevant: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for row, (group, score, click) in enumerate(zip(groups, scores, clicked, strict=True)):
        run.setdefault(str(group), {})[str(row)] = float(score)
        if click:
            relevant.setdefault(str(group), {})[str(row)] = 1
    named = {
        "ndcg@10": ndcg(groups, scores, clicked),
        "ndcg@3": ndcg(groups, scores, clicked, k=3),
        "mrr": reciprocal_rank(groups, scores, clicked),
        "map@10": average_precision(groups, scores, clicked),
        "precision@5": precision(groups, scores, clicked, k=5),
        "recall@5": recall(groups, scores, clicked, k=5),
        "hit_rate@3": hit_rate(groups, scores, clicked, k=3),
    }
    run = {group: items for group, items in run.items() if group in relevant}
    expected = evaluate(Qrels(relevant), Run(run), [*named], make_comparable=True)
    assert {name: np.nanmean(values) for name, values in named.items()} == pytest.approx(expected, abs=1e-9)


def test_row_order_cannot_help_a_constant_ranker():
    rng = np.random.default_rng(3)
    clicked = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], bool)
    for metric in METRICS:
        values = {float(metric(*request(np.zeros(10), rng.permutation(clicked)))[0].round(12)) for _ in range(5)}
        assert len(values) == 1


@pytest.mark.parametrize("metric", METRICS)
def test_groups_without_clicks_are_undefined_not_zero(metric):
    groups, scores = np.array([0, 0, 2, 2]), np.array([1.0, 2, 3, 4])
    values = metric(groups, scores, np.array([0, 0, 0, 1], bool))
    assert np.isnan(values[:2]).all()
    assert values[2] == (0.1 if metric is precision else 1.0)  # precision is over ten ranks, of which two exist


@pytest.mark.parametrize("metric", METRICS)
def test_empty_input(metric):
    assert metric(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)).shape == (0,)


@pytest.mark.parametrize("metric", METRICS)
def test_bad_input_is_named(metric):
    with pytest.raises(ValueError, match="one length"):
        metric(np.zeros(2, np.int64), np.zeros(3), np.zeros(2, bool))
    with pytest.raises(ValueError, match="NaN or infinity"):
        metric(*request([1, np.nan], [1, 0]))


@pytest.mark.parametrize("metric", CUT)
def test_a_cut_below_one_is_refused(metric):
    with pytest.raises(ValueError, match="at least 1"):
        metric(*request([1], [1]), k=0)


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
