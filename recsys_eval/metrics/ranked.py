"""Impressions sorted for ranking metrics, with runs of tied scores kept together."""

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints


def checked(groups: Ints, scores: Floats, clicked: Flags) -> int:
    """Check that the arrays belong together and count the groups.

    Raises
    ------
    ValueError
        Arrays of different lengths, or a score that is not finite.
    """
    if not groups.shape == scores.shape == clicked.shape or groups.ndim != 1:
        raise ValueError(
            f"groups {groups.shape}, scores {scores.shape} and clicked {clicked.shape} must be flat and of one length"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity: a ranker must score every impression")
    return int(groups.max()) + 1 if groups.size else 0


def at_least_one(k: int) -> int:
    """``k``, which must be 1 or more.

    Raises
    ------
    ValueError
        It is not.
    """
    if k < 1:
        raise ValueError(f"k is {k}: it must be at least 1")
    return k


WIDEST = 3
"""How many times the rows a table of groups padded to the longest may hold."""


def sorted_rows(groups: Ints, scores: Floats, size: Ints) -> Ints:
    """(n,) rows by group, then by falling score, ties in the order of the rows: ``lexsort((-scores, groups))``.

    Where groups are of about one length each is sorted on its own, as a row of a table, which takes a twentieth of the
    time on a million groups and grows with their number.

    Parameters
    ----------
    groups, scores
        (n,)
    size
        (n_groups,) rows of each group.
    """
    longest = int(size.max(initial=0))
    if not groups.size or longest * size.size > WIDEST * groups.size:
        return np.asarray(np.lexsort((-scores, groups)))
    grouped = bool((groups[1:] >= groups[:-1]).all())
    rows = np.arange(groups.size) if grouped else np.argsort(groups, kind="stable")
    falling = -scores if grouped else -scores[rows]
    start = np.cumsum(size) - size
    if longest * size.size == groups.size:
        within = np.argsort(falling.reshape(-1, longest), axis=1, kind="stable")
        return np.asarray(rows[(start[:, None] + within).ravel()])
    filled = np.arange(longest) < size[:, None]
    table = np.full(filled.shape, np.inf)
    table[filled] = falling
    within = np.argsort(table, axis=1, kind="stable")
    return np.asarray(rows[(start[:, None] + within)[filled]])


class Ranked:
    """Impressions sorted by group, then by falling score, with the bounds of each run of equal scores.

    Parameters
    ----------
    groups
        (n,) codes 0 .. n_groups - 1 of requests or users.
    scores
        (n,) higher is better.
    clicked
        (n,)

    Raises
    ------
    ValueError
        As :func:`checked`.
    """

    def __init__(self, groups: Ints, scores: Floats, clicked: Flags) -> None:
        self.n_groups = checked(groups, scores, clicked)
        self.size: Ints = np.bincount(groups, minlength=self.n_groups)
        """Impressions of each group."""
        order = sorted_rows(groups, scores, self.size)
        self.order: Ints = order
        """Row of each sorted impression."""
        self.group: Ints = groups[order].astype(np.int64)
        self.clicked: Floats = clicked[order].astype(np.float64)
        score = scores[order]
        n = order.size
        starts = np.concatenate([[0], np.cumsum(self.size)[:-1]]) if self.n_groups else np.zeros(0, np.int64)
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

    @property
    def clicks(self) -> Floats:
        """(n_groups,) clicks of each group."""
        return self.sum(self.clicked)

    def sum(self, values: Floats) -> Floats:
        """Sum of a value per impression over each group."""
        return np.bincount(self.group, weights=values, minlength=self.n_groups).astype(np.float64)

    def shared(self, values: Floats) -> Floats:
        """(n,) a value per rank, replaced by its mean over the ranks of a run of ties."""
        mean = np.bincount(self.tie, weights=values) / self.tie_size if values.size else values
        return np.asarray(mean[self.tie], np.float64)

    def clicks_above(self) -> Floats:
        """(n_runs,) clicks of the group on scores above a run's."""
        before = np.concatenate([[0.0], np.cumsum(self.tie_clicks)[:-1]]) if self.tie_clicks.size else self.tie_clicks
        first = np.flatnonzero(np.diff(self.tie_group, prepend=-1))
        of_group = np.cumsum(np.diff(self.tie_group, prepend=-1) > 0) - 1
        return np.asarray(before - before[first][of_group], np.float64) if before.size else before

    def over_clicked(self, values: Floats, total: Floats) -> Floats:
        """(n_groups,) values over a total, NaN for a group without a click."""
        return np.divide(values, total, out=np.full(self.n_groups, np.nan), where=self.clicks > 0)
