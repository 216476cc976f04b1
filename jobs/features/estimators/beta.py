r"""Empirical-Bayes click-through rates: a beta prior fitted on the day's own keys.

A key (a user, an item) clicked :math:`c_i` times in :math:`n_i` impressions has the rate
:math:`\theta_i \sim \mathrm{Beta}(a, b)` and :math:`c_i \sim \mathrm{Binomial}(n_i, \theta_i)`; its smoothed
rate is the posterior mean :math:`(c_i + a) / (n_i + a + b)`. The prior is fitted by the method of moments
for unequal :math:`n_i` of Kleinman (1973), "Proportions with extraneous variance: single and independent
samples", JASA 68(341), with the weights :math:`n_i`:

.. math::

    p = \frac{\sum c_i}{\sum n_i}, \quad
    S = \sum n_i \left(\frac{c_i}{n_i} - p\right)^2, \quad
    \gamma = \frac{S / (p(1-p)) - (m - 1)}{N - \sum n_i^2 / N - (m - 1)}, \quad
    a + b = \frac{1}{\gamma} - 1, \quad a = p (a + b)

over the :math:`m` keys with impressions, :math:`N = \sum n_i`. Everything needed is a sum, so that Spark
adds it up in parts and no key leaves its executor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats

MIN_STRENGTH = 1.0
"""Least impressions a prior counts for."""
MAX_STRENGTH = 10_000.0
"""Most impressions a prior counts for: where keys differ no more than chance, all get nearly the mean."""
QUANTUM = float(2**20)
"""Inverse of the step that terms of the moments are rounded to."""


@dataclass(frozen=True, kw_only=True)
class BetaPrior:
    """A Beta(a, b) distribution of click-through rates."""

    a: float
    """Pseudo-clicks."""
    b: float
    """Pseudo-skips."""

    @property
    def strength(self) -> float:
        """Impressions the prior counts for, a + b."""
        return self.a + self.b

    @property
    def mean(self) -> float:
        """The rate of a key without impressions."""
        return self.a / self.strength

    def smooth(self, clicks: object, trials: object) -> Floats:
        """Posterior mean ``(clicks + a) / (trials + a + b)``, at most 1.

        ``trials`` are impressions, or sums of examination probabilities: then a key may have more clicks
        than trials, hence the limit.

        Examples
        --------
        >>> BetaPrior(a=1, b=9).smooth([0, 5], [0, 10]).tolist()
        [0.1, 0.3]
        """
        rate = (np.asarray(clicks, dtype=np.float64) + self.a) / (np.asarray(trials, dtype=np.float64) + self.strength)
        return np.minimum(rate, 1.0)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over keys that the fit needs; two parts of the keys add up."""

    keys: int = 0
    """Keys with trials, m."""
    trials: float = 0.0
    """Sum of n."""
    trials_squared: float = 0.0
    """Sum of n squared."""
    clicks: float = 0.0
    """Sum of c."""
    clicks_squared: float = 0.0
    """Sum of c squared over n."""

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both parts together."""
        return Moments(
            keys=self.keys + other.keys,
            trials=self.trials + other.trials,
            trials_squared=self.trials_squared + other.trials_squared,
            clicks=self.clicks + other.clicks,
            clicks_squared=self.clicks_squared + other.clicks_squared,
        )

    @classmethod
    def of(cls, clicks: object, trials: object) -> "Moments":
        """Moments of keys given by their counts; keys without trials do not count.

        Terms are rounded to multiples of 2**-20, whose sums are exact up to 2**33: the same keys give the same
        prior to the last bit, however they were dealt out to tasks.

        Examples
        --------
        >>> moments = Moments.of(clicks=[1, 2, 0], trials=[2, 8, 0])
        >>> moments.keys, moments.trials, moments.trials_squared, moments.clicks, moments.clicks_squared
        (2, 10.0, 68.0, 3.0, 1.0)
        """
        n, c = np.asarray(trials, dtype=np.float64), np.asarray(clicks, dtype=np.float64)
        n, c = exact(n[n > 0]), c[n > 0]
        return cls(
            keys=len(n),
            trials=float(n.sum()),
            trials_squared=float(exact(n**2).sum()),
            clicks=float(c.sum()),
            clicks_squared=float(exact(c**2 / n).sum()),
        )


def exact(values: Floats) -> Floats:
    """Values rounded to multiples of 2**-20.

    Examples
    --------
    >>> exact(np.array([0.5, 1 / 3])).tolist()
    [0.5, 0.33333301544189453]
    """
    return np.asarray(np.round(values * QUANTUM) / QUANTUM)


def fit(moments: Moments) -> BetaPrior | None:
    """Kleinman's moment fit.

    The mean is ``(sum c + 1/2) / (sum n + 1)`` (Jeffreys' prior on the overall rate), so that it is never
    0 or 1; the strength is kept within ``MIN_STRENGTH`` and ``MAX_STRENGTH``.

    Returns
    -------
    BetaPrior or None
        None where the spread between keys cannot be told from chance: fewer than two keys, or no key with
        more than one trial.
    """
    within = moments.keys - 1
    between = moments.trials - moments.trials_squared / moments.trials - within if moments.trials else 0.0
    if moments.keys < 2 or between <= 1e-9 * moments.trials:
        return None
    p = overall_rate(moments)
    raw = moments.clicks / moments.trials
    spread = moments.clicks_squared - moments.trials * raw**2
    correlation = (spread / (p * (1 - p)) - within) / between
    strength = MAX_STRENGTH if correlation <= 0 else min(max(1 / correlation - 1, MIN_STRENGTH), MAX_STRENGTH)
    return BetaPrior(a=p * strength, b=(1 - p) * strength)


def overall_rate(moments: Moments) -> float:
    """Click-through rate of all keys together, ``(sum c + 1/2) / (sum n + 1)``.

    Examples
    --------
    >>> overall_rate(Moments.of(clicks=[1, 3], trials=[4, 5]))
    0.45
    """
    return min((moments.clicks + 0.5) / (moments.trials + 1), 0.999)


def fit_windows(moments: Mapping[int, Moments]) -> dict[int, BetaPrior]:
    """A prior for each window, where a window that cannot tell takes the next longer one's.

    Parameters
    ----------
    moments
        Window length in days -> moments of its keys.

    Returns
    -------
    dict
        Window length -> prior. Where even the longest window cannot tell, its prior is one pseudo-click at
        the overall rate.
    """
    priors: dict[int, BetaPrior] = {}
    longer: BetaPrior | None = None
    for width in sorted(moments, reverse=True):
        longer = fit(moments[width]) or longer or one_click(overall_rate(moments[width]))
        priors[width] = longer
    return priors


def one_click(rate: float) -> BetaPrior:
    """The prior that counts for one click at ``rate``.

    Examples
    --------
    >>> one_click(0.1)
    BetaPrior(a=1.0, b=9.0)
    """
    return BetaPrior(a=1.0, b=(1 - rate) / rate)
