import numpy as np

from jobs.features.history import newest
from jobs.features.windows import LONGEST


def test_the_last_events_come_newest_first():
    day = np.array([1, 1, 2, 5])
    (first, places), (second, later) = newest(day, np.array([2, 5]), 3)
    assert (first, places.tolist()) == (2, [2, 1, 0])
    assert (second, later.tolist()) == (5, [3, 2, 1])


def test_nothing_older_than_the_longest_window_and_nothing_later_than_the_day():
    day = np.array([1, LONGEST, LONGEST + 1])
    assert [(d, p.tolist()) for d, p in newest(day, np.array([LONGEST, LONGEST + 1]), 9)] == [
        (LONGEST, [1, 0]),
        (LONGEST + 1, [2, 1]),
    ]


def test_a_day_without_events_has_no_row():
    assert newest(np.array([5]), np.array([4]), 3) == []
