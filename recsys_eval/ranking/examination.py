r"""Inverse examination weights: what a click counts for, given how likely its place was looked at.

Under the position-based model :math:`P(c_i = 1) = e_{k_i} p_i`, where :math:`e_k` is the examination of
place k and :math:`p_i` the click probability of what is looked at. A click weighted by
:math:`1 / e_{k_i}` has the expectation :math:`p_i` wherever it was shown, so a sum over weighted clicks is an
unbiased estimate of the same sum over :math:`p_i` (Joachims, Swaminathan and Schnabel, "Unbiased
Learning-to-Rank with Biased Feedback", WSDM 2017). Examination is estimated from requests in random order by
the end of ds (table ``position_bias``), never from the clicks it weighs.
"""

from datetime import date

import numpy as np

from jobs.lake.arrays import Floats
from jobs.lake.examination import read_examination
from jobs.lake.lake import Lake

MOST_WEIGHT = 10.0
"""Weights are clipped here: a place that is looked at less than a tenth as often as the first counts as a tenth. It
bounds the variance, at the price of a bias towards the top where a page is longer than that."""


def load_examination(lake: Lake, ds: date) -> Floats:
    """(p,) examination of the places 1..p relative to the first, as estimated by the end of ``ds``; [1] without any."""
    if not lake.exists("position_bias"):
        return np.ones(1)
    found = read_examination(lake, ds)
    return found if len(found) else np.ones(1)


def click_weights(examination: Floats) -> Floats:
    """Inverse examination, clipped at :data:`MOST_WEIGHT`, elementwise.

    Examples
    --------
    >>> click_weights(np.array([1.0, 0.25, 0.01])).tolist()
    [1.0, 4.0, 10.0]
    """
    return np.asarray(np.minimum(1.0 / np.maximum(examination, 1.0 / MOST_WEIGHT), MOST_WEIGHT), np.float64)


def effective_size(weights: Floats) -> float:
    r"""Kish's effective sample size :math:`(\sum w)^2 / \sum w^2`: as many clicks of equal weight would tell as much.

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 2.0])).__round__(4)
    2.6667
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
