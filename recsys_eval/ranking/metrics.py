"""Ranking metrics per request and per user, vectorised, with ties counted at their expected value.

Every function takes flat arrays with one element per impression and integer group codes
``0 .. n_groups - 1`` (requests or users), and returns one value per group, NaN where the
metric is undefined. Trees give equal scores often; breaking a tie by row order would hand
the logged order, and with it position bias, to whoever ties most. So each metric here is
the expectation over all orders of tied impressions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints


def _checked(groups: Ints, scores: Floats, clicked: Flags) -> int:
    """Check that the arrays belong together and count the groups."""
    if not groups.shape == scores.shape == clicked.shape or groups.ndim != 1:
        raise ValueError(
            f"groups {groups.shape}, scores {scores.shape} and clicked {clicked.shape} must be flat and of one length"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity: a ranker must score every impression")
    return int(groups.max()) + 1 if groups.size else 0


class _Ranked:
    """Impressions sorted by group, then by falling score, with the bounds of each run of equal scores."""

    def __init__(self, groups: Ints, scores: Floats, clicked: Flags) -> None:
        self.n_groups = _checked(groups, scores, clicked)
        order = np.lexsort((-scores, groups))
        self.order: Ints = order
        """Row of each sorted impression."""
        self.group: Ints = groups[order].astype(np.int64)
        self.clicked: Floats = clicked[order].astype(np.float64)
        score = scores[order]
        n = order.size
        sizes = np.bincount(self.group, minlength=self.n_groups)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if self.n_groups else np.zeros(0, np.int64)
        self.rank: Ints = np.arange(n) - starts[self.group] + 1
        """1 for the highest score of the group; runs of ties are in arbitrary order."""
        changed = np.ones(n, dtype=bool)
        changed[1:] = (self.group[1:] != self.group[:-1]) | (score[1:] != score[:-1])
        self.tie: Ints = np.cumsum(changed) - 1
        """Code of the run of equal scores."""
        self.tie_size: Ints = np.bincount(self.tie) if n else np.zeros(0, np.int64)
        self.tie_start: Ints = self.rank[changed] if n else np.zeros(0, np.int64)
        self.tie_group: Ints = self.group[changed] if n else np.zeros(0, np.int64)
        self.tie_clicks: Floats = np.bincount(self.tie, weights=self.clicked).astype(np.float64) if n else np.zeros(0)

    def sum(self, values: Floats) -> Floats:
        """Sum of a value per impression over each group."""
        return np.bincount(self.group, weights=values, minlength=self.n_groups).astype(np.float64)


def ndcg(groups: Ints, scores: Floats, clicked: Flags, *, k: int = 10) -> Floats:
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
    if k < 1:
        raise ValueError(f"k is {k}: it must be at least 1")
    return _ndcg(_Ranked(groups, scores, clicked), k)


def _discount(ranked: _Ranked, k: int) -> Floats:
    """Discount of each sorted impression, shared among ties; 0 below rank ``k``."""
    discount = np.where(ranked.rank <= k, 1.0 / np.log2(ranked.rank + 1.0), 0.0)
    shared = np.bincount(ranked.tie, weights=discount) / ranked.tie_size if discount.size else discount
    return np.asarray(shared[ranked.tie], np.float64)


def _ndcg(ranked: _Ranked, k: int) -> Floats:
    gained = ranked.sum(ranked.clicked * _discount(ranked, k))
    clicks = ranked.sum(ranked.clicked).astype(np.int64)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))])[np.minimum(clicks, k)]
    return np.divide(gained, ideal, out=np.full(ranked.n_groups, np.nan), where=clicks > 0)


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
    return _reciprocal_rank(_Ranked(groups, scores, clicked))


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
    ranked = _Ranked(groups, scores, clicked)
    return RequestMetrics(
        ndcg=_ndcg(ranked, k),
        reciprocal_rank=_reciprocal_rank(ranked),
        discounted=[ranked.sum(gain[ranked.order] * _discount(ranked, k)) for gain in gains],
    )


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


def _reciprocal_rank(ranked: _Ranked) -> Floats:
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


def auc(groups: Ints, scores: Floats, clicked: Flags) -> Floats:
    r"""Area under the ROC curve of each group: how often a clicked impression outscores another.

    .. math:: AUC = \frac{1}{C (n - C)} \sum_{i: c_i = 1} \sum_{j: c_j = 0} [s_i > s_j] + \tfrac{1}{2} [s_i = s_j]

    Returns
    -------
    ndarray
        (n_groups,) in [0, 1]; NaN for a group with clicks only or none.

    Examples
    --------
    >>> auc(np.array([0, 0, 0, 1]), np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, True]))
    array([0.75,  nan])
    """
    ranked = _Ranked(groups, scores, clicked)
    size = np.bincount(ranked.group, minlength=ranked.n_groups).astype(np.float64)
    clicks = ranked.sum(ranked.clicked)
    # Mann-Whitney from mid-ranks, counted from the worst score upwards.
    middle = ranked.tie_start + (ranked.tie_size - 1) / 2.0
    upward = size[ranked.group] - middle[ranked.tie] + 1.0 if ranked.group.size else np.zeros(0)
    wins = ranked.sum(ranked.clicked * upward) - clicks * (clicks + 1.0) / 2.0
    pairs = clicks * (size - clicks)
    return np.divide(wins, pairs, out=np.full(ranked.n_groups, np.nan), where=pairs > 0)


def gauc(users: Ints, scores: Floats, clicked: Flags) -> float:
    r"""Group AUC: AUC within each user, averaged with the user's impressions as weights.

    .. math:: GAUC = \sum_u n_u AUC_u \Big/ \sum_u n_u

    over users who have both a click and a skip (Zhu et al., "Optimized cost per click in Taobao
    display advertising", KDD 2017). It asks only how well a user's own impressions are
    ordered: who clicks much and who clicks little adds nothing.

    Returns
    -------
    float
        NaN where no user has both.

    Examples
    --------
    >>> users = np.array([0, 0, 1, 1, 1, 1])
    >>> gauc(users, np.array([2.0, 1.0, 4.0, 3.0, 2.0, 1.0]), np.array([1, 0, 0, 1, 0, 0], dtype=bool)).__round__(4)
    0.7778
    """
    per_user = auc(users, scores, clicked)
    weight = np.bincount(users, minlength=per_user.size).astype(np.float64)
    known = ~np.isnan(per_user)
    return float(np.average(per_user[known], weights=weight[known])) if known.any() else float("nan")
