r"""What a user prefers, as a direction: covers clicked minus covers skipped.

With embeddings :math:`e` of the covers shown to a user within the window,

.. math::

    \mathrm{pref} = \frac{\sum_{\text{clicked}} e}{n_{\text{clicked}} + k}
                  - \frac{\sum_{\text{skipped}} e}{n_{\text{skipped}} + k}, \quad k = 5

Both means are shrunk towards zero by ``k`` pseudo-events, so that one click does not make a taste: the
relevance-feedback form of Rocchio (1971), "Relevance feedback in information retrieval", with shrinkage.
A cover without an embedding counts neither as clicked nor as skipped.
"""

import numpy as np

from jobs.lake.arrays import Floats, Ints

SHRINKAGE = 5.0
"""Pseudo-events k that shrink each of the two means."""


def shrunk_mean(total: Floats, count: float) -> Floats:
    """``total / (count + k)``.

    Examples
    --------
    >>> shrunk_mean(np.array([10.0, 0.0]), 5).tolist()
    [1.0, 0.0]
    """
    return total / (count + SHRINKAGE)


def preferences(vectors: Floats, clicked: Ints, low: Ints, high: Ints) -> Floats:
    """Preference over each slice of a user's events.

    Parameters
    ----------
    vectors
        (n, dim) float64, the embedding of every event's cover, oldest event first; NaN rows have none.
    clicked
        (n,) 1 where the event is a click.
    low, high
        (d,) slices of the events, see :func:`jobs.features.windows.slices`.

    Returns
    -------
    ndarray
        (d, dim) float64; zeros for a slice without embedded events.

    Examples
    --------
    >>> v = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> preferences(v, np.array([1, 0]), np.array([0]), np.array([2])).round(4).tolist()
    [[0.1667, -0.1667]]
    """
    known = ~np.isnan(vectors[:, 0]) if len(vectors) else np.zeros(0, dtype=bool)
    result = np.zeros((len(low), vectors.shape[1]))
    parts = ((1.0, np.flatnonzero(known & (clicked == 1))), (-1.0, np.flatnonzero(known & (clicked == 0))))
    for sign, events in parts:
        chosen = vectors[events]
        first, last = np.searchsorted(events, low), np.searchsorted(events, high)
        for row in range(len(low)):
            total = chosen[first[row] : last[row]].sum(axis=0)
            result[row] += sign * shrunk_mean(total, last[row] - first[row])
    return result
