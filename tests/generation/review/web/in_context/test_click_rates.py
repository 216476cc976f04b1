"""Clicks before and after a cover was live, counted by hand in :mod:`tests.support.desk.known_feed`."""

import pytest
from scipy.stats import binomtest

from generation.review.web.in_context.audience import audience_of
from generation.review.web.in_context.click_rates import Rate, click_rates

DS = "2026-03-29"


def rates_of(known_lake, unit, segment="s0"):
    lake, units = known_lake
    row = units[unit]
    return click_rates(
        lake, item_id=row["item_id"], segment_id=segment, original_id=row["reference_cover_id"],
        cover_id=row["selected_cover_id"], audience=audience_of(lake, DS, segment),
    )  # fmt: skip


def test_days_before_and_after(known_lake):
    found = rates_of(known_lake, 0)
    assert found.live_nights == (DS,)
    # u0's page and five more of the day before, of which two were clicked; r1 and r2 on the night's day.
    assert [(day.name, day.original, day.cover) for day in found.days] == [
        ("2026-03-28", Rate(6, 2), Rate()),
        (DS, Rate(2, 0), Rate()),
        ("2026-03-30", Rate(2, 1), Rate(4, 2)),
    ]
    assert (found.before.original, found.before.cover) == (Rate(8, 2), Rate())
    assert (found.after.original, found.after.cover) == (Rate(2, 1), Rate(4, 2))


def test_everybody_is_more_than_the_segment(known_lake):
    assert rates_of(known_lake, 0, "all").days[0].original == Rate(9, 5)


def test_a_cover_that_was_never_live_has_no_days_after(known_lake):
    found = rates_of(known_lake, 1)
    assert (found.live_nights, found.after) == ((), None)
    assert found.before.cover == Rate()


def test_a_cover_that_is_live_and_was_not_logged_yet(known_lake):
    found = rates_of(known_lake, 12)
    assert (found.live_nights, found.after) == ((DS,), None)
    assert found.before.original.impressions == 2


@pytest.mark.parametrize(("impressions", "clicks"), [(8, 2), (4, 2), (3, 0), (1, 1)])
def test_the_interval_is_scipys_wilson(impressions, clicks):
    expected = binomtest(clicks, impressions).proportion_ci(method="wilson")
    assert Rate(impressions, clicks).interval == pytest.approx((expected.low, expected.high))


def test_without_impressions_nothing_is_said():
    assert (Rate().share, Rate().interval) == (None, None)
