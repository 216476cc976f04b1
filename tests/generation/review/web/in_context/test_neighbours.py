"""The page on which a cover is shown: whose, which of them, and with which covers."""

import pytest

from generation.review.web.in_context.audience import Audience, audience_of
from generation.review.web.in_context.neighbours import page_beside

DS = "2026-03-29"


@pytest.fixture
def ask(known_lake):
    lake, units = known_lake

    def page(number=1, *, unit=0, ds=DS, segment="s0", audience=None):
        asked = audience or audience_of(lake, DS, segment)
        return page_beside(
            lake, ds=ds, item_id=units[unit]["item_id"], segment_id=segment, cover_id="the-cover", audience=asked,
            number=number,
        )  # fmt: skip

    return page


def items_of(page, units):
    order = list(dict.fromkeys(unit["item_id"] for unit in units))
    return [order.index(slot.item_id) for slot in page.slots]


def test_the_newest_page_of_the_segment_comes_first(ask, known_lake):
    _, units = known_lake
    page = ask()
    assert (page.day, page.number, page.of, page.showed, page.at.hour) == (DS, 1, 2, True, 12)
    assert items_of(page, units) == [3, 0, 4]
    older = ask(2)
    assert (older.number, older.at.hour, items_of(older, units)) == (2, 10, [0, 1, 2, 3])
    assert ask(99) == older


def test_each_item_has_the_cover_that_the_night_published_else_its_default(ask, known_lake):
    _, units = known_lake
    published, own, default = ask().slots
    assert (own.cover_id, own.own, own.published, own.title) == ("the-cover", True, False, "キツネの顔")
    assert (published.cover_id, published.published) == (units[12]["selected_cover_id"], True)
    assert (default.cover_id, default.published, default.own) == (units[16]["reference_cover_id"], False, False)
    assert (default.title, default.category) == (units[16]["title"], units[16]["category"])
    beside = ask(segment="s1").slots  # nothing is published for s1
    assert [slot.cover_id for slot in beside] == ["the-cover", units[12]["reference_cover_id"]]


def test_an_earlier_day_answers_where_the_night_has_no_such_page(ask):
    page = ask(ds="2026-03-28")
    assert (page.day, page.showed) == ("2026-03-28", True)
    assert ask(ds="2026-03-27") is None


def test_an_item_that_nobody_saw_stands_in_the_middle_of_a_page_that_they_saw(ask, known_lake):
    page = ask(unit=20)  # the sixth item
    assert (page.day, page.showed, page.of) == (DS, False, 2)
    assert items_of(page, known_lake[1]) == [3, 5, 0]
    assert [(slot.position, slot.own) for slot in page.slots] == [(1, False), (2, True), (3, False)]


def test_everybody_and_nobody(ask):
    assert ask(audience=Audience(words="everybody")).of == 3
    assert ask(audience=Audience(words="nobody", users=frozenset())) is None
