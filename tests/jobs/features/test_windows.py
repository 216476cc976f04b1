from datetime import date

import numpy as np
import pytest

from jobs.features.windows import LONGEST, day_number, day_text, end_of_day_us, scan_days, slice_sums, slices
from jobs.lake.schema.columns import WINDOWS


@pytest.mark.parametrize("text", ["1970-01-01", "2024-02-29", "2026-03-29"])
def test_a_day_and_its_number_are_one(text):
    assert day_text(day_number(date.fromisoformat(text))) == text


def test_a_day_is_over_when_the_next_begins():
    assert int(end_of_day_us(day_number(date(1970, 1, 2)))) == 2 * 24 * 3600 * 1_000_000


@pytest.mark.parametrize("width", WINDOWS)
def test_slices_hold_the_days_of_the_window_and_nothing_later(width):
    day = np.sort(np.random.default_rng(0).integers(0, 60, 300))
    ends = np.arange(60)
    low, high = slices(day, ends, width)
    for end, first, last in zip(ends, low, high, strict=True):
        assert day[first:last].tolist() == [each for each in day if end - width < each <= end]


def test_sums_of_columns_by_hand():
    values = np.array([[1, 10], [2, 20], [4, 40]])
    found = slice_sums(values, np.array([0, 2, 1]), np.array([2, 3, 1]))
    assert found.tolist() == [[3, 30], [4, 40], [0, 0]]


def test_two_neighbouring_days_need_one_day_more():
    assert len(scan_days([date(2026, 3, 29), date(2026, 3, 28)])) == LONGEST + 1
