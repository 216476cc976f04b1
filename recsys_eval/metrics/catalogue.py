"""What a ranker does to the catalogue: how much of it is shown on top, and how little of it was known before."""

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints


def on_top(groups: Ints, scores: Floats, *, k: int = 10) -> Flags:
    """(n,) whether an impression is among the ``k`` highest of its group; ties in the order of the rows.

    Examples
    --------
    >>> on_top(np.array([0, 0, 0, 1]), np.array([1.0, 3.0, 2.0, 0.0]), k=2).tolist()
    [False, True, True, True]
    """
    order = np.lexsort((-scores, groups))
    sizes = np.bincount(groups, minlength=int(groups.max()) + 1 if groups.size else 0)
    rank = np.arange(groups.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = np.zeros(groups.size, bool)
    found[order] = rank < k
    return found


def coverage(items: Ints, top: Flags, n_items: int) -> float:
    """Share of the catalogue that is on top for anybody.

    Parameters
    ----------
    items
        (n,) item of each impression.
    top
        (n,) of :func:`on_top`.
    n_items
        Size of the catalogue.

    Examples
    --------
    >>> coverage(np.array([0, 1, 1]), np.array([True, True, False]), 4)
    0.5
    """
    return float(np.unique(items[top]).size / n_items)


def mean_inverse_user_frequency(groups: Ints, items: Ints, top: Flags, seen_by: Ints, n_users: int) -> Floats:
    r"""Novelty of what is on top, a value a group in bits.

    .. math:: \frac{1}{|T|} \sum_{i \in T} -\log_2 \frac{\max(n_i, 1)}{N}

    where :math:`n_i` of :math:`N` users met item i before (Castells, Hurley and Vargas, Recommender Systems Handbook,
    2nd ed., 2015, section 26.3; RecTools ``MeanInvUserFreq``).

    Parameters
    ----------
    groups, items, top
        (n,) as in :func:`coverage`, groups 0 .. n_groups - 1.
    seen_by
        (n_items,) users who met each item before; an item that nobody met counts like one that one user met.
    n_users
        N.

    Returns
    -------
    ndarray
        (n_groups,); NaN for a group with nothing on top.

    Examples
    --------
    >>> mean_inverse_user_frequency(np.array([0, 0]), np.array([0, 1]), np.ones(2, bool), np.array([8, 2]), 8).tolist()
    [1.0]
    """
    bits = -np.log2(np.maximum(seen_by, 1) / n_users)
    n_groups = int(groups.max()) + 1 if groups.size else 0
    total = np.bincount(groups[top], weights=bits[items[top]], minlength=n_groups)
    count = np.bincount(groups[top], minlength=n_groups)
    return np.divide(total, count, out=np.full(n_groups, np.nan), where=count > 0)
