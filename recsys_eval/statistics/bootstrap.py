"""Intervals of means, ratios and paired differences, by resampling clusters of rows.

Rows of one cluster (pictures of a subject, impressions of a user) are not independent, so whole
clusters are resampled. A replicate draws multinomial weights over clusters and needs only each
cluster's sums, so its cost does not grow with the number of rows. Intervals are percentile
intervals of 95 % (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13;
for clusters, Deng et al., *Applying the Delta Method in Metric Analytics*, KDD 2018).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.lake.arrays import Floats
from recsys_eval.statistics.lift import Estimate, resampled_ratios


@dataclass(frozen=True)
class Interval:
    """A figure, its 95 % percentile interval, and the number of clusters it rests on."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] (n = {self.n})"


@dataclass(frozen=True)
class PairedInterval(Interval):
    """An interval of a difference, with the two-sided bootstrap p against none."""

    p: float


def bootstrap_mean(values: NDArray[Any], clusters: NDArray[Any], *, n: int = 1000, seed: int = 0) -> Interval:
    """Mean over rows, ``sum_i v_i / N``, with clusters resampled.

    Parameters
    ----------
    values
        (N,) numbers or booleans, finite.
    clusters, n, seed
        As in :func:`bootstrap_ratio`, and so are the errors.

    Examples
    --------
    >>> found = bootstrap_mean(np.array([1, 0, 1, 1]), np.array(["a", "a", "b", "c"]), seed=1)
    >>> found.value, found.n
    (0.75, 3)
    """
    return bootstrap_ratio(values, np.ones(len(values)), clusters, n=n, seed=seed)


def bootstrap_ratio(
    numerator: NDArray[Any], denominator: NDArray[Any], clusters: NDArray[Any], *, n: int = 1000, seed: int = 0
) -> Interval:
    """Ratio of sums, ``sum_i a_i / sum_i b_i``, with clusters resampled.

    Parameters
    ----------
    numerator, denominator
        (N,) a and b, finite: clicks and impressions, or weighted clicks and weights.
    clusters
        (N,) cluster of each row.
    n
        Number of replicates.
    seed
        Of the resampling.

    Raises
    ------
    ValueError
        There are no rows, the lengths differ, a value is not finite, or the denominator sums to 0.
    """
    ids, (top, bottom) = _cluster_sums(clusters, numerator=numerator, denominator=denominator)
    if bottom.sum() == 0:
        raise ValueError("the denominator sums to 0: leave out slices in which nothing was counted")
    ratios = resampled_ratios(top[:, None], bottom[:, None], resamples=n, seed=seed)
    return _interval(ratios.estimate(0), len(ids))


def paired_bootstrap(
    a: NDArray[Any], b: NDArray[Any], clusters: NDArray[Any], *, n: int = 1000, seed: int = 0
) -> PairedInterval:
    """Mean difference of two measurements of the same rows, ``sum_i (a_i - b_i) / N``.

    Both are resampled with the same weights, so what a cluster adds to both cancels.

    Parameters
    ----------
    a, b
        (N,) measurements of the same rows, finite.
    clusters
        (N,) cluster of each row.
    n
        Number of replicates.
    seed
        Of the resampling.

    Returns
    -------
    PairedInterval
        With p: twice the smaller share of replicates at or beyond 0, counting the observed one.

    Raises
    ------
    ValueError
        There are no rows, the lengths differ, or a value is not finite.
    """
    ids, (sums_a, sums_b, rows) = _cluster_sums(clusters, a=a, b=b, rows=np.ones(len(a)))
    ratios = resampled_ratios((sums_a - sums_b)[:, None], rows[:, None], resamples=n, seed=seed)
    estimate = ratios.estimate(0, null=0.0)
    assert estimate.p is not None
    return PairedInterval(estimate.value, estimate.low, estimate.high, len(ids), estimate.p)


def _cluster_sums(clusters: NDArray[Any], **columns: NDArray[Any]) -> tuple[NDArray[Any], list[Floats]]:
    """Distinct clusters and, per column, the sum in each."""
    if len(clusters) == 0:
        raise ValueError("no rows to resample: leave out empty slices")
    ids, inverse = np.unique(clusters, return_inverse=True)
    sums = []
    for name, column in columns.items():
        values = np.asarray(column, dtype=np.float64)
        if values.shape != (len(clusters),):
            raise ValueError(f"{name} has shape {values.shape} for {len(clusters)} clusters: give one value per row")
        if not np.isfinite(values).all():
            raise ValueError(
                f"{name} has {int((~np.isfinite(values)).sum())} values that are not finite: drop the rows"
            )
        sums.append(np.bincount(inverse, weights=values, minlength=len(ids)).astype(np.float64))
    return ids, sums


def _interval(estimate: Estimate, n: int) -> Interval:
    """An estimate without p."""
    return Interval(estimate.value, estimate.low, estimate.high, n)
