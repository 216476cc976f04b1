"""Whose pages and clicks are shown."""

import pytest

from generation.review.web.in_context.audience import audience_of


def test_a_segment_is_its_people_of_that_night(known_lake):
    lake, _ = known_lake
    assert audience_of(lake, "2026-03-29", "s0").users == {"u0", "u1"}
    assert "the 1 people who were in segment s1" in audience_of(lake, "2026-03-29", "s1").words
    assert audience_of(lake, "2026-03-28", "s0").users == frozenset()


@pytest.mark.parametrize("segment", ["all", "new", "user:u0"])
def test_nobody_is_shown_the_pages_of_one_person(known_lake, segment):
    found = audience_of(known_lake[0], "2026-03-29", segment)
    assert found.users is None
    assert found.words.startswith("everybody")
