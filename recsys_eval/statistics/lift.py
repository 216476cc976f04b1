"""Values, differences and lifts with paired intervals over resampled users.

Everything this package reports is a ratio of sums over users: clicks over impressions, NDCG
over requests, importance-weighted clicks over weights. So one routine resamples users once,
with the same weights for every arm, and each figure is a function of the resampled ratios.
Impressions of one user are not independent; resampling them would make every interval too
narrow (Deng et al., "Applying the Delta Method in Metric Analytics", KDD 2018). Of more than
:data:`BUCKETS` users, buckets of users are resampled, which takes no longer for a million than for that many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from jobs.lake.arrays import Floats, Ints
from reward_model.metrics import user_weights

LEVEL = 0.95
"""Coverage of every interval."""
POWER = 0.8
"""Chance with which a true effect of the size of the minimum detectable one is found."""
BUCKETS = 4096
"""Users beyond which equal buckets of them, at random, are resampled instead. The standard error over B buckets varies
by a share of about :math:`1 / \\sqrt{2 B}`, 1.1 %, around that over users."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its percentile interval and the two-sided bootstrap p against a null value."""

    value: float
    low: float
    high: float
    p: float | None = None
    detectable: float | None = None
    """Minimum detectable effect where something was tested: :func:`minimum_detectable`."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Ratios of sums over users, one a column, and the same under resampled users."""

    value: Floats
    """(n_columns,) over all users as they are."""
    draws: Floats
    """(n_resamples, n_columns); a row is one resample shared by all columns."""

    def estimate(self, column: int, *, null: float | None = None) -> Estimate:
        """One column's ratio."""
        return estimate(self.value[column], self.draws[:, column], null=null)

    def lift(self, column: int, base: int) -> Estimate:
        """Relative lift ``column / base - 1``, with p against no lift."""
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = self.draws[:, column] / self.draws[:, base] - 1.0
        return estimate(self.value[column] / self.value[base] - 1.0, draws, null=0.0)

    def difference(self, column: int, base: int) -> Estimate:
        """Absolute difference ``column - base``, with p against none."""
        return estimate(self.value[column] - self.value[base], self.draws[:, column] - self.draws[:, base], null=0.0)


def estimate(value: float, draws: Floats, *, null: float | None = None) -> Estimate:
    """Percentile interval of draws and the p of a null value.

    The p is twice the smaller share of draws at or beyond the null, counting the observed one
    (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2).

    Parameters
    ----------
    value
        The figure itself.
    draws
        (n_resamples,) the figure under resampling; NaN draws (a resample without a denominator) are left out.
    null
        Value to test against; None gives no p.

    Examples
    --------
    >>> figure = estimate(0.5, np.linspace(0, 100, 101), null=-1.0)
    >>> figure.value, round(figure.low, 9), round(figure.high, 9), round(figure.p, 4)
    (0.5, 2.5, 97.5, 0.0196)
    """
    known = draws[np.isfinite(draws)]
    if not known.size:
        return Estimate(value=float(value), low=float("nan"), high=float("nan"))
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if null is None:
        return Estimate(value=float(value), low=float(low), high=float(high))
    beyond = min(int((known <= null).sum()), int((known >= null).sum()))
    p = min(1.0, 2.0 * (beyond + 1) / (known.size + 1))
    return Estimate(value=float(value), low=float(low), high=float(high), p=p, detectable=minimum_detectable(known))


def minimum_detectable(draws: Floats) -> float:
    r"""Smallest true effect that a sample like this finds in 80 % of cases, two-sided at 5 %.

    :math:`(z_{0.975} + z_{0.8})\, s = 2.80\, s`, where :math:`s` is the standard deviation of the figure under
    resampling (Bloom, "Minimum detectable effects", Evaluation Review 1995).

    Examples
    --------
    >>> round(minimum_detectable(np.array([-1.0, 1.0, -1.0, 1.0])), 3)  # s = 1.1547
    3.235
    """
    return float(_factor() * np.std(draws, ddof=1)) if draws.size > 1 else float("nan")


def _factor() -> float:
    """Standard errors in a minimum detectable effect."""
    return NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)


def normal_p(found: Estimate) -> float:
    r"""Two-sided p of no effect by the normal approximation, :math:`2 \, \Phi(-|v| / s)`.

    :math:`s` is the standard deviation under resampling, as in :func:`minimum_detectable`. The p of :func:`estimate`
    is never below 2 over the number of resamples; where that is multiplied by many comparisons, as
    :func:`recsys_eval.statistics.multiple.holm` does, nothing could be told from nothing.

    Returns
    -------
    float
        1 where nothing was resampled.

    Examples
    --------
    >>> two_errors = Estimate(value=2.0, low=0.0, high=4.0, p=0.05, detectable=2.8015851)  # s = 1
    >>> round(normal_p(two_errors), 4)
    0.0455
    """
    if found.detectable is None or not found.detectable > 0:
        return 1.0
    return 2.0 * NormalDist().cdf(-abs(found.value) * _factor() / found.detectable)


def resampled_ratios(numerator: Floats, denominator: Floats, *, resamples: int, seed: int) -> Ratios:
    """Ratios of column sums under multinomial resampling of the rows (users).

    Parameters
    ----------
    numerator, denominator
        (n_users, n_columns); a user who takes no part in a column has zeros there.
    resamples
        Number of resamples.
    seed
        Of the buckets and the resampling; the same for figures that are to be compared.

    Raises
    ------
    ValueError
        Shapes differ or there are no users.
    """
    if numerator.shape != denominator.shape or numerator.ndim != 2:
        raise ValueError(f"numerator {numerator.shape} and denominator {denominator.shape} must be (users, columns)")
    both = np.concatenate([numerator, denominator], axis=1)
    if len(both) > BUCKETS:
        both = _bucketed(both, seed)
        weighted: Iterator[Floats] = _bucket_weights(resamples, seed)
    else:
        weighted = user_weights(len(both), resamples, seed)
    sums = np.concatenate([weights @ both for weights in weighted])
    n = numerator.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = sums[:, :n] / sums[:, n:]
    return Ratios(value=ratios[0], draws=ratios[1:])


def _bucketed(rows: Floats, seed: int) -> Floats:
    """Sums of rows in :data:`BUCKETS` buckets of equal size but for one row, drawn at random."""
    bucket = np.random.default_rng((seed, len(rows))).permutation(len(rows)) % BUCKETS
    sums = [np.bincount(bucket, weights=column, minlength=BUCKETS) for column in rows.T]
    return np.stack(sums, axis=1).astype(np.float64)


def _bucket_weights(resamples: int, seed: int) -> Iterator[Floats]:
    """How often each bucket is drawn, some resamples at a time; the first row is all ones."""
    yield np.ones((1, BUCKETS))
    generator = np.random.default_rng(seed)
    some = 64
    for done in range(0, resamples, some):
        count = min(some, resamples - done)
        drawn = generator.integers(BUCKETS, size=(count, BUCKETS), dtype=np.int32)
        drawn += np.arange(0, count * BUCKETS, BUCKETS, dtype=np.int32)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * BUCKETS).reshape(count, BUCKETS).astype(np.float64)


def user_sums(users: Ints, values: Floats, n_users: int) -> tuple[Floats, Floats]:
    """Sum and count of the defined (not NaN) values of each user.

    Examples
    --------
    >>> user_sums(np.array([0, 0, 2]), np.array([1.0, np.nan, 3.0]), 3)
    (array([1., 0., 3.]), array([1., 0., 1.]))
    """
    known = ~np.isnan(values)
    total = np.bincount(users[known], weights=values[known], minlength=n_users).astype(np.float64)
    return total, np.bincount(users[known], minlength=n_users).astype(np.float64)
