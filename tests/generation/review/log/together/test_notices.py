"""What is told outside: each thing once, nothing of before, and no answer that somebody must not see."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from benchmarks import made_up_night
from generation.review.log.schema import notices as table
from generation.review.log.together.assignments import assign
from generation.review.log.together.notices import (
    ATTEMPTS,
    START,
    collect,
    delivered,
    due,
    forget_done,
    forget_start,
    may_be_forgotten,
    not_delivered,
)
from tests.generation.review.conftest import rows_of


def gather(people, hours=None):
    """Events that are new, told at once."""
    with people.database.writing() as connection:
        collect(connection, people.now, hours=hours, link=lambda path: f"https://desk.example{path}")
        found = due(connection, people.now, limit=1000)
        for key, _ in found:
            delivered(connection, key, people.now)
    return [json.loads(body) for _, body in found]


def test_nothing_of_before_and_each_thing_once(people):
    people.do("ann", "note", 0, note="@bob before")
    assert gather(people) == []
    made_up_night.fill(people.database, 3, ds="2026-03-30", double_share=0.0)
    people.do("ann", "note", 11, note="@bob what is it?")
    people.do("bob", "approve", 11)
    people.do("ann", "reject", 11, reason="ugly")
    ids = [row.id for row in rows_of(people.database) if row.ds == "2026-03-30"]
    assign(people.database, ids, to="bob", by="lea", lead=True, limit=9, now=people.now)
    assign(people.database, ids, to="ann", by="ann", lead=False, limit=9, now=people.now)
    found = {each["event"]: each for each in gather(people)}
    assert set(found) == {"night", "mention", "assignment", "dispute"}
    assert (found["night"]["ds"], found["night"]["waiting"]) == ("2026-03-30", 3)
    assert (found["mention"]["to"], found["mention"]["words"]) == ("bob", "@bob what is it?")
    assert (found["assignment"]["to"], found["assignment"]["by"], found["assignment"]["covers"]) == ("bob", "lea", 3)
    row = people.row(11)
    assert found["dispute"]["cover"] == row.id
    assert found["dispute"]["url"] == f"https://desk.example/case/{row.id}#thread-{row.id}"
    assert gather(people) == []


def test_a_mention_is_told_when_both_have_answered(people):
    gather(people)
    people.do("ann", "reject", 0, reason="ugly", note="@bob look")
    assert gather(people) == []
    people.do("bob", "reject", 0, reason="ugly")
    assert [each["event"] for each in gather(people)] == ["mention"]


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_overdue_is_told_once_for_what_came_together(people):
    gather(people)
    made_up_night.fill(people.database, 3, ds="2026-03-30")
    assert [each["event"] for each in gather(people, 24)] == ["night"]
    people.now += timedelta(days=10_000)
    (found,) = gather(people, 24)
    assert (found["event"], found["covers"]) == ("overdue", 15)
    assert gather(people, 24) == []


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_it_is_tried_again_later_and_later_and_given_up_in_the_end(people):
    gather(people)
    people.do("ann", "note", 0, note="@bob")
    waits, given_up = [], False
    with people.database.writing() as connection:
        collect(connection, people.now, hours=None, link=str)
        while not given_up:
            ((key, _),) = due(connection, people.now)
            given_up = not_delivered(connection, key, "no answer", people.now)
            again = connection.execute(select(table.c.next_at).where(table.c.key == key)).scalar_one()
            later = datetime.fromisoformat(again)
            waits.append((later - people.now).total_seconds())
            assert due(connection, later - timedelta(seconds=1)) == []
            people.now = later
        assert due(connection, people.now + timedelta(days=9)) == []
    assert waits[:4] == [10, 20, 40, 80]
    assert max(waits) == 3600
    assert len(waits) == ATTEMPTS


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_what_happened_while_nobody_listened_is_passed_over(people):
    gather(people)
    with people.database.writing() as connection:
        forget_start(connection)
        assert connection.execute(select(table.c.key).where(table.c.key == START)).first() is None
    people.do("ann", "note", 0, note="@bob")
    assert gather(people) == []
    people.do("ann", "note", 0, note="@bob again")
    assert [each["words"] for each in gather(people)] == ["@bob again"]


def forgotten(people, days=30, hours=None):
    """Keys that are forgotten, by their kind, when so many days have gone by."""
    before = people.now - timedelta(days=days)
    with people.database.reading() as connection:
        foreseen = may_be_forgotten(connection, before, now=people.now, hours=hours)
    with people.database.writing() as connection:
        assert forget_done(connection, before, now=people.now, hours=hours) == foreseen
    return sorted(key.partition(":")[0] for key in foreseen)


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_what_was_told_long_ago_is_forgotten_and_never_told_again(people):
    gather(people)
    made_up_night.fill(people.database, 1, ds="2026-03-30")
    people.do("ann", "note", 0, note="@bob look")
    assign(people.database, [people.row(1).id], to="bob", by="lea", lead=True, limit=9, now=people.now)
    assert sorted(each["event"] for each in gather(people)) == ["assignment", "mention", "night"]
    assert forgotten(people) == []
    people.now += timedelta(days=40)
    assert forgotten(people) == ["assignment", "mention"], "covers of the night still wait: it would be told again"
    assert gather(people) == []
    people.do("ann", "approve", 12)
    people.do("ann", "note", 0, note="@vic and you?")
    assert [each["to"] for each in gather(people)] == ["vic"]
    assert forgotten(people) == ["night"]
    people.now += timedelta(days=40)
    assert forgotten(people) == ["mention"]
    assert (gather(people), forgotten(people)) == ([], [])


def test_a_mention_that_may_not_be_told_yet_is_told_though_later_ones_are_forgotten(people):
    gather(people)
    people.do("ann", "reject", 0, reason="ugly", note="@bob one of two has answered")
    people.do("ann", "approve", 1)
    people.do("bob", "approve", 1, note="@ann both have")
    assert [each["words"] for each in gather(people)] == ["@ann both have"]
    people.now += timedelta(days=40)
    assert forgotten(people) == []
    people.do("bob", "reject", 0, reason="ugly")
    assert [each["words"] for each in gather(people)] == ["@bob one of two has answered"]


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_what_is_not_delivered_yet_is_never_forgotten(people):
    gather(people)
    people.do("ann", "note", 0, note="@bob")
    with people.database.writing() as connection:
        collect(connection, people.now, hours=None, link=str)
    people.now += timedelta(days=40)
    assert forgotten(people) == []
    assert [each["event"] for each in gather(people)] == ["mention"]
