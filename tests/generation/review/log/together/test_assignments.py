import pytest
from sqlalchemy import update

from conf.errors import Forbidden, Refused
from generation.review.log import queue, verify
from generation.review.log.queue import NOBODY, Filter
from generation.review.log.schema import cases
from generation.review.log.together.assignments import assign, waiting_for
from tests.generation.review.conftest import rows_of

DS = "2026-03-29"
single = pytest.mark.parametrize("people", [0.0], indirect=True)


def give(people, asked, to, *, by="lea", lead=True, limit=100, key=None):
    return assign(people.database, asked, to=to, by=by, lead=lead, limit=limit, now=people.now, key=key)


def shown(people, tab="pending", me="ann", **more):
    with people.database.reading() as connection:
        return [row.id for row in queue.page(connection, Filter(ds=DS, tab=tab, **more), me=me)]


def taken(people, me, tab="pending", **more):
    asked = Filter(ds=DS, tab=tab, **more)
    return [
        row.id for row in queue.take(people.database, asked, me=me, now=people.now, minutes=-1, after=None, limit=50)
    ]


@single
def test_what_is_assigned_is_in_that_persons_queue_until_it_is_decided(people):
    ids = [row.id for row in rows_of(people.database)]
    assert give(people, ids[:3], "ann") == 3
    assert sorted(shown(people, "assigned")) == ids[:3]
    assert shown(people, "assigned", me="bob") == []
    assert sorted(shown(people, assigned="ann")) == ids[:3]
    assert sorted(shown(people, assigned=NOBODY)) == ids[3:]
    people.do("ann", "approve", 0)
    with people.database.reading() as connection:
        assert waiting_for(connection, "ann") == {DS: 2}
    assert sorted(shown(people, "assigned")) == ids[1:3]
    assert verify.faults(people.database) == []


@single
def test_nobody_else_is_given_it_one_by_one(people):
    ids = [row.id for row in rows_of(people.database)]
    give(people, ids[:3], "ann")
    assert sorted(taken(people, "bob")) == ids[3:]
    assert sorted(taken(people, "bob", assigned="ann")) == ids[:3]
    assert sorted(taken(people, "ann")) == ids


@single
def test_a_whole_filter_by_a_lead_and_again_by_the_same_request(people):
    assert give(people, Filter(ds=DS, segment_id="s0"), "bob", key="k" * 8) == 2
    assert give(people, Filter(ds=DS, segment_id="s0"), "bob", key="k" * 8) == 2
    with pytest.raises(Refused, match="bob's already"):
        give(people, Filter(ds=DS, segment_id="s0"), "bob")
    assert give(people, Filter(ds=DS), "ann") == 12
    assert give(people, Filter(ds=DS), None) == 12
    assert shown(people, assigned="ann") == []


@single
def test_what_is_refused(people):
    ids = [row.id for row in rows_of(people.database)]
    with pytest.raises(Forbidden):
        give(people, Filter(ds=DS), "bob", by="ann", lead=False)
    for name in ("vic", "nobody"):
        with pytest.raises(Refused, match="no reviewer"):
            give(people, ids[:1], name)
    with pytest.raises(Refused, match="at most 5"):
        give(people, ids, "ann", limit=5)
    people.do("ann", "approve", 0)
    with pytest.raises(Refused, match="None of these"):
        give(people, ids[:1], "bob")


def test_a_dispute_goes_to_nobody_who_answered_and_an_open_answer_is_not_betrayed(people):
    ids = [row.id for row in rows_of(people.database)]
    people.do("ann", "approve", 0)
    assert give(people, ids[:1], "ann") == 1  # refusing it would say that ann answered
    assert shown(people, "assigned", me="ann") == []
    people.do("bob", "reject", 0, reason="ugly")
    with pytest.raises(Refused, match="gave an answer"):
        give(people, ids[:1], "bob")
    assert give(people, ids[:1], "lea") == 1
    assert shown(people, "assigned", me="lea") == ids[:1]


@single
def test_an_assignment_around_the_log_is_found(people):
    row = rows_of(people.database)[0]
    give(people, [row.id], "ann")
    with people.database.writing() as connection:
        connection.execute(update(cases).where(cases.c.id == row.id).values(assigned_to="bob"))
    assert verify.faults(people.database) == [f"cover {row.id} of {DS}: assigned_to does not follow from the log"]
