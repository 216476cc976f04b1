"""How well the impressions of one user or request are told apart: AUC within groups, and its weighted mean."""

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.metrics.ranked import Ranked


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
    ranked = Ranked(groups, scores, clicked)
    size = ranked.size.astype(np.float64)
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
