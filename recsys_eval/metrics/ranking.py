"""Ranking metrics per request or user, vectorised, with ties counted at their expected value.

Every function takes flat arrays with one element per impression and integer group codes
``0 .. n_groups - 1`` (requests or users), and returns one value per group, NaN where the
metric is undefined. Trees give equal scores often; breaking a tie by row order would hand
the logged order, and with it position bias, to whoever ties most. So each metric here is
the expectation over all orders of tied impressions.

Libraries differ in what a name means. Here, with ``C`` clicks among the impressions of a group:

========================= ============================== ===========================================================
name                      divided by                     the same elsewhere (without ties)
========================= ============================== ===========================================================
:func:`ndcg`              ideal of min(k, C) clicks      ranx ``ndcg@k``, RecTools ``divide_by_achievable=True``
``ndcg(ideal="full")``    ideal of k clicks              RecTools ``NDCG(k)``
:func:`average_precision` C                              ranx ``map@k``, RecTools ``MAP(k)``
``...(over="k")``         min(k, C)                      Kaggle's ``mapk``
:func:`precision`         k                              ranx ``precision@k``, RecTools ``Precision(k)``
:func:`recall`            C                              ranx ``recall@k``, RecTools ``Recall(k)``
:func:`hit_rate`                                         ranx ``hit_rate@k``, RecTools ``HitRate(k)``
:func:`reciprocal_rank`                                  ranx ``mrr``, RecTools ``MRR(k)`` where k is the longest list
========================= ============================== ===========================================================

Groups without a click rank nothing and are NaN: they are left out of a mean, as ranx and RecTools leave out
queries without a relevant document.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.metrics.ranked import Ranked, at_least_one

Ideal = Literal["achievable", "full"]
"""What NDCG is divided by: the best order of the clicks that there are, or k clicks."""


def ndcg(groups: Ints, scores: Floats, clicked: Flags, *, k: int = 10, ideal: Ideal = "achievable") -> Floats:
    r"""Normalised discounted cumulative gain at ``k`` of each group, with binary gains.

    .. math:: NDCG@k = \frac{\sum_{r \le k} c_r / \log_2(r + 1)}{\sum_{r \le \min(k, C)} 1 / \log_2(r + 1)}

    where :math:`c_r` is the click at rank :math:`r` and :math:`C` the number of clicks. Tied
    impressions share the mean discount of their ranks (McSherry and Najork, "Computing
    information retrieval performance measures efficiently in the presence of tied scores",
    ECIR 2008). Järvelin and Kekäläinen, TOIS 2002.

    Parameters
    ----------
    groups
        (n,) request codes.
    scores
        (n,) higher is better.
    clicked
        (n,) whether the impression was clicked.
    k
        Ranks that count.
    ideal
        ``full`` divides by :math:`\sum_{r \le k} 1 / \log_2(r + 1)` whatever C is.

    Returns
    -------
    ndarray
        (n_groups,) in [0, 1]; NaN for a group without a click, which ranks nothing.

    Raises
    ------
    ValueError
        Arrays of different lengths, a score that is not finite, or ``k < 1``.

    Examples
    --------
    >>> ndcg(np.array([0, 0, 0]), np.array([0.9, 0.5, 0.1]), np.array([False, True, False])).round(4)
    array([0.6309])
    """
    return _ndcg(Ranked(groups, scores, clicked), at_least_one(k), ideal)


def _discount(ranked: Ranked, k: int) -> Floats:
    """Discount of each sorted impression, shared among ties; 0 below rank ``k``."""
    return ranked.shared(np.where(ranked.rank <= k, 1.0 / np.log2(ranked.rank + 1.0), 0.0))


def _ndcg(ranked: Ranked, k: int, ideal: Ideal = "achievable") -> Floats:
    best = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))])
    reached = ranked.clicks.astype(np.int64) if ideal == "achievable" else np.full(ranked.n_groups, k)
    return ranked.over_clicked(ranked.sum(ranked.clicked * _discount(ranked, k)), best[np.minimum(reached, k)])


def reciprocal_rank(groups: Ints, scores: Floats, clicked: Flags) -> Floats:
    r"""Reciprocal of the rank of the first clicked impression of each group; their mean is MRR.

    With ``b`` impressions before a run of ``t`` tied ones that holds ``c >= 1`` clicks, and no
    click before it, the expectation over the orders of the run is

    .. math:: \sum_{j=1}^{t-c+1} \frac{1}{b + j} \binom{t-j}{c-1} \Big/ \binom{t}{c}.

    Returns
    -------
    ndarray
        (n_groups,) in (0, 1]; NaN for a group without a click.

    Examples
    --------
    >>> reciprocal_rank(np.array([0, 0, 0]), np.array([2.0, 1.0, 1.0]), np.array([False, True, False])).round(4)
    array([0.4167])
    """
    return _reciprocal_rank(Ranked(groups, scores, clicked))


def precision(groups: Ints, scores: Floats, clicked: Flags, *, k: int = 10) -> Floats:
    r"""Share of the first ``k`` ranks that was clicked, :math:`\frac{1}{k} \sum_{r \le k} c_r`.

    Returns
    -------
    ndarray
        (n_groups,) in [0, 1], a group shorter than ``k`` is divided by ``k`` all the same; NaN without a click.

    Examples
    --------
    >>> precision(np.array([0, 0, 0]), np.array([0.9, 0.5, 0.1]), np.array([False, True, True]), k=2)
    array([0.5])
    """
    ranked = Ranked(groups, scores, clicked)
    return ranked.over_clicked(_clicked_above(ranked, k), np.full(ranked.n_groups, float(k)))


def recall(groups: Ints, scores: Floats, clicked: Flags, *, k: int = 10) -> Floats:
    r"""Share of the clicks that the first ``k`` ranks hold, :math:`\frac{1}{C} \sum_{r \le k} c_r`.

    Returns
    -------
    ndarray
        (n_groups,) in [0, 1]; NaN without a click.

    Examples
    --------
    >>> recall(np.array([0, 0, 0]), np.array([0.9, 0.5, 0.1]), np.array([False, True, True]), k=2)
    array([0.5])
    """
    ranked = Ranked(groups, scores, clicked)
    return ranked.over_clicked(_clicked_above(ranked, k), ranked.clicks)


def _clicked_above(ranked: Ranked, k: int) -> Floats:
    """(n_groups,) expected clicks in the first ``k`` ranks."""
    return ranked.sum(ranked.clicked * ranked.shared((ranked.rank <= at_least_one(k)).astype(np.float64)))


def hit_rate(groups: Ints, scores: Floats, clicked: Flags, *, k: int = 10) -> Floats:
    r"""Whether the first ``k`` ranks hold a click; with ties, how likely.

    Of a run of ``t`` tied impressions with ``c`` clicks, of which ``m`` places lie above rank ``k``, one is above
    with probability :math:`1 - \binom{t - c}{m} / \binom{t}{m}`.

    Returns
    -------
    ndarray
        (n_groups,) in [0, 1]; NaN without a click.

    Examples
    --------
    >>> hit_rate(np.array([0, 0, 0]), np.array([0.9, 0.5, 0.5]), np.array([False, True, False]), k=2)
    array([0.5])
    """
    ranked = Ranked(groups, scores, clicked)
    places = np.clip(at_least_one(k) - ranked.tie_start + 1, 0, ranked.tie_size)
    missed = np.ones(ranked.tie_size.size)
    for taken in range(int(min(places.max(initial=0), k))):
        left = np.maximum(ranked.tie_size - taken, 1)
        one = np.clip(left - ranked.tie_clicks, 0, None) / left
        missed = np.where(taken < places, missed * one, missed)
    none = np.ones(ranked.n_groups)
    np.multiply.at(none, ranked.tie_group, missed)
    return ranked.over_clicked(1.0 - none, np.ones(ranked.n_groups))


def average_precision(
    groups: Ints, scores: Floats, clicked: Flags, *, k: int = 10, over: Literal["clicks", "k"] = "clicks"
) -> Floats:
    r"""Average precision at ``k``; its mean is MAP@k.

    .. math:: AP@k = \frac{1}{C} \sum_{r \le k} c_r \frac{1}{r} \sum_{q \le r} c_q

    Place ``j`` of a run of ``t`` tied impressions with ``c`` clicks is clicked with probability ``c / t``; ``j - 1``
    others of it lie above, with :math:`(j - 1)(c - 1) / (t - 1)` clicks among them if it is (McSherry and Najork,
    ECIR 2008).

    Parameters
    ----------
    groups, scores, clicked, k
        As in :func:`ndcg`.
    over
        ``clicks`` divides by C, ``k`` by min(k, C).

    Returns
    -------
    ndarray
        (n_groups,) in [0, 1]; NaN without a click.

    Examples
    --------
    >>> clicked = np.array([True, False, True])
    >>> average_precision(np.array([0, 0, 0]), np.array([3.0, 2.0, 1.0]), clicked).round(4)  # (1/1 + 2/3) / 2
    array([0.8333])
    """
    ranked = Ranked(groups, scores, clicked)
    size, clicks = ranked.tie_size[ranked.tie], ranked.tie_clicks[ranked.tie]
    place = ranked.rank - ranked.tie_start[ranked.tie]
    above = ranked.clicks_above()[ranked.tie] if place.size else np.zeros(0)
    beside = place * np.maximum(clicks - 1, 0) / np.maximum(size - 1, 1)
    term = np.where(ranked.rank <= at_least_one(k), clicks / size * (above + 1 + beside) / ranked.rank, 0.0)
    total = ranked.clicks if over == "clicks" else np.minimum(ranked.clicks, k)
    return ranked.over_clicked(ranked.sum(term), total)


@dataclass(frozen=True)
class RequestMetrics:
    """What one ranking is worth, request by request; every array is (n_requests,), in the order of the codes."""

    ndcg: Floats
    """:func:`ndcg`; NaN without a click."""
    reciprocal_rank: Floats
    """:func:`reciprocal_rank`; NaN without a click."""
    discounted: list[Floats]
    """:func:`discounted_gain` of each kind of gain that was asked for."""


def request_metrics(
    groups: Ints, scores: Floats, clicked: Flags, gains: Sequence[Floats] = (), *, k: int = 10
) -> RequestMetrics:
    """:func:`ndcg`, :func:`reciprocal_rank` and :func:`discounted_gain` of the same impressions, sorted once."""
    ranked = Ranked(groups, scores, clicked)
    return RequestMetrics(
        ndcg=_ndcg(ranked, k),
        reciprocal_rank=_reciprocal_rank(ranked),
        discounted=[ranked.sum(gain[ranked.order] * _discount(ranked, k)) for gain in gains],
    )


def discounts(groups: Ints, scores: Floats, *, k: int = 10) -> Floats:
    r"""(n,) what each impression's rank in its group discounts a gain by, :math:`1 / \log_2(r + 1)`; 0 below rank k.

    :func:`discounted_gain` is the sum of gains times these. Ties share the mean discount of their ranks.

    Examples
    --------
    >>> discounts(np.array([0, 0, 0]), np.array([0.1, 0.9, 0.5]), k=2).round(4)
    array([0.    , 1.    , 0.6309])
    """
    ranked = Ranked(groups, scores, np.zeros(groups.shape, bool))
    found = np.empty(len(groups))
    found[ranked.order] = _discount(ranked, at_least_one(k))
    return found


def discounted_gain(groups: Ints, scores: Floats, gains: Floats, *, k: int = 10) -> Floats:
    r"""Discounted gain of each group, :math:`\sum_{r \le k} g_r / \log_2(r + 1)`, with gains of any size.

    Divided by the sum of all gains it is NDCG@k with every unit of gain as a query of its own, whose ideal is
    rank 1. With :math:`g_i = c_i / e_{k_i}`, the click over the examination of the place where it was shown, both
    sums are unbiased for those with :math:`g_i = p_i` (:mod:`recsys_eval.ranking.examination`), because they are
    linear in the gains; the ideal of :func:`ndcg`, which depends on which clicks fell together, is not. Ties share
    the mean discount of their ranks.

    Parameters
    ----------
    groups, scores
        As in :func:`ndcg`.
    gains
        (n,) not negative.

    Returns
    -------
    ndarray
        (n_groups,); 0 for a group without gain.

    Examples
    --------
    >>> gains = np.array([0.0, 2.0, 1.0])
    >>> discounted_gain(np.array([0, 0, 0]), np.array([0.9, 0.5, 0.1]), gains).round(4)  # 2 x 0.6309 + 0.5
    array([1.7619])
    """
    return request_metrics(groups, scores, np.zeros(groups.shape, bool), [gains], k=k).discounted[0]


def _reciprocal_rank(ranked: Ranked) -> Floats:
    result = np.full(ranked.n_groups, np.nan)
    with_click = np.flatnonzero(ranked.tie_clicks > 0)
    owners, first = np.unique(ranked.tie_group[with_click], return_index=True)
    runs = with_click[first]
    size, clicks = ranked.tie_size[runs], ranked.tie_clicks[runs].astype(np.int64)
    before = ranked.tie_start[runs] - 1
    # P(first click of the run is its j-th) = P(no click among the first j-1) * c / (t - j + 1)
    none_yet = np.ones(runs.size)
    total = np.zeros(runs.size)
    for j in range(1, int(size.max(initial=0)) + 1):
        left = np.maximum(size - j + 1, 1)
        here = np.where(size >= j, np.minimum(clicks / left, 1.0), 0.0)
        total += none_yet * here / (before + j)
        none_yet = none_yet * (1.0 - here)
    result[owners] = total
    return result
