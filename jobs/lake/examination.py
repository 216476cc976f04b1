"""How likely places of a page are looked at, as ``position_bias`` knows it: the one reader of it."""

from datetime import date

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.lake.lake import Lake


def read_examination(lake: Lake, as_of: date) -> Floats:
    """Examination by position, from 1, as the end of a day knows it, ``(P,)``."""
    table = lake.read("position_bias", ds=as_of, columns=["position", "examination"]).sort_by("position")
    return np.asarray(table["examination"].to_numpy(), np.float64)


def examination_at(examination: Floats, position: Ints) -> Floats:
    """Examination of positions, from 1; those below the last are looked at like it.

    Examples
    --------
    >>> examination_at(np.array([1.0, 0.5]), np.array([1, 2, 9])).tolist()
    [1.0, 0.5, 0.5]
    """
    return np.asarray(examination[np.clip(position, 1, len(examination)) - 1], np.float64)
