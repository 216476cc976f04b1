r"""Position bias: how likely a position is examined at all, relative to position 1.

Position-based model (Craswell et al. 2008, "An experimental comparison of click position-bias models"):
P(click) = examination(position) x attractiveness(item). Two estimators:

``randomised``
    Where the order was random, attractiveness does not depend on position, and the click-through rate by
    position is proportional to examination (Joachims, Swaminathan and Schnabel 2017, "Unbiased
    learning-to-rank with biased feedback").

``adjacent``
    Without such traffic: items seen at both of two neighbouring positions, stratified by item with the
    Mantel-Haenszel (1959) risk ratio, chained from position 1. The same idea as Agarwal et al. (2019),
    "Estimating position bias without intrusive interventions". Weaker: it assumes that an item's
    attractiveness does not change between its positions.

Both are made non-increasing by isotonic regression weighted with impressions, and divided by position 1.
"""

from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats, Ints

MIN_EXAMINATION = 0.01
"""Least examination of any position: bounds the weight a click at the far end can get."""


@dataclass(frozen=True, kw_only=True)
class PositionBias:
    """Examination by position on one day."""

    examination: Floats
    """(p,) of positions 1..p, relative to position 1, non-increasing."""
    impressions: Ints
    """(p,) impressions the estimate rests on."""

    def of(self, positions: Ints) -> Floats:
        """Examination at ``positions`` (from 1); those beyond the last known one get the last one's.

        Examples
        --------
        >>> bias = PositionBias(examination=np.array([1.0, 0.5]), impressions=np.array([10, 10]))
        >>> bias.of(np.array([1, 2, 9])).tolist()
        [1.0, 0.5, 0.5]
        """
        return np.asarray(self.examination[np.minimum(positions, len(self.examination)) - 1])


def relative(rates: Floats, impressions: Ints) -> Floats:
    """Non-increasing fit of ``rates`` divided by its value at position 1.

    Parameters
    ----------
    rates
        (p,) click-through rate, or anything proportional to examination.
    impressions
        (p,) weights; a position without impressions is interpolated by its neighbours.

    Returns
    -------
    ndarray
        (p,) within ``MIN_EXAMINATION`` .. 1; ones where position 1 never got a click.

    Examples
    --------
    >>> relative(np.array([0.2, 0.05, 0.15]), np.array([10, 10, 10])).round(3).tolist()
    [1.0, 0.5, 0.5]
    """
    from sklearn.isotonic import IsotonicRegression  # not needed in the executors, which import this module

    seen = impressions > 0
    places = np.arange(1, len(rates) + 1)
    model = IsotonicRegression(increasing=False, out_of_bounds="clip")
    model.fit(places[seen], rates[seen], sample_weight=impressions[seen])
    fitted = np.asarray(model.predict(places), dtype=np.float64)
    if fitted[0] <= 0:
        return np.ones(len(rates))
    return np.asarray(np.clip(fitted / fitted[0], MIN_EXAMINATION, 1.0))


def from_randomised(impressions: Ints, clicks: Ints) -> PositionBias:
    """Examination from counts by position under a randomised order.

    Parameters
    ----------
    impressions, clicks
        (p,) counts at positions 1..p.

    Examples
    --------
    >>> from_randomised(np.array([100, 100]), np.array([20, 5])).examination.tolist()
    [1.0, 0.25]
    """
    rates = np.divide(clicks, impressions, out=np.zeros(len(clicks)), where=impressions > 0)
    return PositionBias(examination=relative(rates, impressions), impressions=impressions)


def adjacent_sums(impressions: Ints, clicks: Ints) -> Floats:
    """One item's part of the Mantel-Haenszel ratios of neighbouring positions.

    Parameters
    ----------
    impressions, clicks
        (p,) the item's counts at positions 1..p.

    Returns
    -------
    ndarray
        (2, p - 1): for k = 1..p-1 the numerator ``c[k+1] n[k] / (n[k] + n[k+1])`` and the denominator
        ``c[k] n[k+1] / (n[k] + n[k+1])``; items add up.

    Examples
    --------
    >>> adjacent_sums(np.array([30, 10]), np.array([6, 1])).tolist()
    [[0.75], [1.5]]
    """
    both = impressions[:-1] + impressions[1:]
    shown = both > 0
    top = np.divide(clicks[1:] * impressions[:-1], both, out=np.zeros(len(both)), where=shown)
    bottom = np.divide(clicks[:-1] * impressions[1:], both, out=np.zeros(len(both)), where=shown)
    return np.stack([top, bottom])


def from_adjacent(sums: Floats, impressions: Ints) -> PositionBias:
    """Examination from the items' :func:`adjacent_sums` added up.

    Parameters
    ----------
    sums
        (2, p - 1) numerators and denominators.
    impressions
        (p,) impressions by position, the weights of the isotonic fit.

    Examples
    --------
    >>> from_adjacent(np.array([[0.75], [1.5]]), np.array([30, 10])).examination.tolist()
    [1.0, 0.5]
    """
    ratios = np.divide(sums[0], sums[1], out=np.ones(sums.shape[1]), where=sums[1] > 0)
    chained = np.concatenate([[1.0], np.cumprod(ratios)])
    return PositionBias(examination=relative(chained, impressions), impressions=impressions)
