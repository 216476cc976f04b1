"""Filters in links, places between pages, and a cover as templates want it."""

from datetime import date
from types import SimpleNamespace
from urllib.parse import parse_qsl

from generation.review.log.queue import Filter, Place
from generation.review.web.pages.common import filter_of, nights_of, place_of, query_of
from tests.generation.review.conftest import rows_of

STATE = SimpleNamespace(watch=SimpleNamespace(newest=date(2026, 3, 29)))
REQUEST = SimpleNamespace(app=SimpleNamespace(state=STATE), query_params={})


def test_a_filter_goes_through_a_link_and_back():
    asked = Filter(ds="2026-03-28", tab="done", category="food-drink", at_least={"personal": 0.25}, title="fox & co")
    assert filter_of(REQUEST, dict(parse_qsl(query_of(asked)))) == asked


def test_what_is_no_filter_is_passed_over():
    given = {"tab": "none", "min_personal": "many", "max_nsfw": "nan", "title": "a\x00" * 300, "colour": "red"}
    assert filter_of(REQUEST, given) == Filter(ds="2026-03-29", tab="pending", title="a" * 200)


def test_a_place_is_that_of_its_row(pages):
    row = rows_of(pages[0])[5]
    assert Place.parse(place_of(row)) == Place(stake=row.stake, case_id=row.id, came_at=row.came_at)
    with pages[0].reading() as connection:
        assert nights_of(connection) == [row.ds]
