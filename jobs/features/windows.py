"""Trailing windows of days: which events a feature of a day may see.

A day is a number (days since 1970-01-01). The window of ``w`` days that ends with day ``d``
is ``d - w + 1 .. d``; rows lie sorted by day, so it is a slice ``[low, high)`` of them. Nothing
after ``d`` can be inside the slice: point-in-time correctness is a matter of indices, not of filters
that somebody may forget.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.lake.arrays import Ints
from jobs.lake.schema.columns import WINDOWS

LONGEST = max(WINDOWS)
"""Days of log behind every feature: preferences, affinities, histories and position bias use all of them."""

EPOCH = date(1970, 1, 1)
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

Vectors = NDArray[np.floating[Any]]
"""(n, dim) vectors of either precision."""


def day_number(day: date) -> int:
    """Days since 1970-01-01.

    Examples
    --------
    >>> day_number(date(1970, 1, 2))
    1
    """
    return (day - EPOCH).days


def day_text(number: int) -> str:
    """ISO date of a day number.

    Examples
    --------
    >>> day_text(1)
    '1970-01-02'
    """
    return (EPOCH + timedelta(days=int(number))).isoformat()


def end_of_day_us(number: int | Ints) -> Ints:
    """Microseconds since the epoch (UTC) at which a day is over.

    Examples
    --------
    >>> int(end_of_day_us(0)) == 24 * 3600 * 10**6
    True
    """
    return (np.asarray(number, dtype=np.int64) + 1) * DAY_US


def scan_days(feature_days: Sequence[date]) -> list[date]:
    """Every day of log that features of ``feature_days`` look at, oldest first.

    Examples
    --------
    >>> days = scan_days([date(2026, 3, 29)])
    >>> days[0].isoformat(), days[-1].isoformat(), len(days)
    ('2026-03-02', '2026-03-29', 28)
    """
    wanted = {day - timedelta(days=back) for day in feature_days for back in range(LONGEST)}
    return sorted(wanted)


def slices(day: Ints, ends: Ints, width: int) -> tuple[Ints, Ints]:
    """Slice of the sorted rows that each window holds.

    Parameters
    ----------
    day
        (n,) day number of every row, ascending.
    ends
        (d,) last day of every window.
    width
        Length of the windows in days.

    Returns
    -------
    tuple
        ``low`` and ``high``, each (d,): window ``j`` holds rows ``low[j] .. high[j] - 1``.

    Examples
    --------
    >>> low, high = slices(np.array([1, 1, 3]), np.array([1, 3, 4]), 2)
    >>> low.tolist(), high.tolist()
    ([0, 2, 2], [2, 3, 3])
    """
    return np.searchsorted(day, ends - width + 1, "left"), np.searchsorted(day, ends, "right")


def slice_sums(values: Ints, low: Ints, high: Ints) -> Ints:
    """Sum of integer rows ``low[j] .. high[j] - 1`` for every ``j``, exactly.

    Parameters
    ----------
    values
        (n,) or (n, c) integers.
    low, high
        (d,) slices.

    Returns
    -------
    ndarray
        (d,) or (d, c) int64.

    Examples
    --------
    >>> slice_sums(np.array([1, 2, 4]), np.array([0, 1, 3]), np.array([2, 3, 3])).tolist()
    [3, 6, 0]
    """
    running = np.zeros((len(values) + 1, *values.shape[1:]), dtype=np.int64)
    np.cumsum(values, axis=0, out=running[1:])
    return running[high] - running[low]
