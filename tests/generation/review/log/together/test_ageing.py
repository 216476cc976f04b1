from datetime import timedelta

import pytest

from benchmarks import made_up_night
from generation.review.log import queue
from generation.review.log.load import put
from generation.review.log.queue import EVERY_NIGHT, Filter, Place
from generation.review.log.together.ageing import ages, overdue
from tests.generation.review.conftest import NOW, rows_of

single = pytest.mark.parametrize("people", [0.0], indirect=True)


@pytest.fixture
def nights(make_desk):
    """Three covers each of three nights, which came a day apart, the last of them just now."""
    database = make_desk(0)
    for days, ds in ((2, "2026-03-27"), (1, "2026-03-28"), (0, "2026-03-29")):
        with database.writing(alone=True) as connection:
            put(connection, ds, list(made_up_night.units(3, ds=ds)), NOW - timedelta(days=days))
    return database


def test_over_all_nights_the_oldest_come_first_page_by_page(nights):
    asked = Filter(ds=EVERY_NIGHT, order="oldest")
    with nights.reading() as connection:
        whole = queue.page(connection, asked, me="ann")
        assert [row.ds for row in whole] == ["2026-03-27"] * 3 + ["2026-03-28"] * 3 + ["2026-03-29"] * 3
        first = queue.page(connection, asked, me="ann", limit=4)
        place = Place(stake=first[-1].stake, case_id=first[-1].id, came_at=first[-1].came_at)
        assert Place.parse(place.text()) == place
        rest = queue.page(connection, asked, me="ann", after=Place.parse(place.text()))
        assert [row.id for row in first + rest] == [row.id for row in whole]
    taken = queue.take(nights, asked, me="ann", now=NOW, minutes=5, after=None, limit=2)
    assert [row.id for row in taken] == [row.id for row in whole[:2]]


def test_what_waits_longer_than_the_limit_is_counted(nights):
    with nights.reading() as connection:
        assert overdue(connection, NOW, None) is None
        assert overdue(connection, NOW, 48) is None
        late = overdue(connection, NOW, 20)
        assert (late.count, late.since[:10]) == (6, "2026-03-28")
        found = queue.page(connection, Filter(ds=EVERY_NIGHT, tab="all", came_before=late.before), me="ann")
        assert len(found) == 6
    waits = ages(rows_of(nights), NOW, 30)
    assert [(each.words, each.overdue) for each in waits.values()] == (
        [("2 days", True)] * 3 + [("24 h", False)] * 3 + [("0 min", False)] * 3
    )


@single
def test_what_was_decided_waits_no_more(people):
    row = people.row(0)
    late = people.now + timedelta(days=1000)
    assert ages([row], late, 1)[row.id].overdue
    people.do("ann", "approve", 0)
    assert ages([people.row(0)], late, 1) == {}
