"""Figures worked out by hand: who decided what, how fast, and what became of it."""

from datetime import timedelta

import pytest

from generation.review.log import decisions
from generation.review.log.sealing.chain import stamp
from generation.review.web.together.throughput import reviewers, rules
from tests.generation.review.conftest import NOW
from tests.support.desk.acting import people  # noqa: F401

SINCE = stamp(NOW)


def figures(found):
    return (found.value, found.n)


def all_of(people, pause=600):  # noqa: F811
    with people.database.reading() as connection:
        return {each.name: each for each in reviewers(connection, SINCE, pause)}


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_counts_times_and_what_was_overturned(people):  # noqa: F811
    people.do("ann", "approve", 0)
    people.now += timedelta(seconds=30)
    people.do("ann", "approve", 1)  # 90 seconds later
    people.do("ann", "approve", 2)  # 60
    people.now += timedelta(days=1)
    people.do("ann", "reject", 3, reason="ugly")  # a pause
    people.do("ann", "approve", 4)
    decisions.undo(people.database, "ann", people.now)  # which is no decision any more
    people.do("bob", "reject", 0, reason="ugly")
    found = all_of(people)
    assert (found["ann"].decisions, found["ann"].a_day, found["ann"].in_bulk) == (4, 2.0, 0)
    assert found["ann"].seconds == 75
    assert figures(found["ann"].overturned) == (0.25, 4)
    assert figures(found["bob"].overturned) == (0.0, 1)
    assert found["ann"].agreement.value is None
    assert all_of(people, pause=70)["ann"].seconds == 60


def test_agreement_where_two_answered(people):  # noqa: F811
    for place, (one, other) in enumerate([("approve", "approve"), ("approve", "reject"), ("reject", "reject")]):
        people.do("ann", one, place, reason="ugly")
        people.do("bob", other, place, reason="ugly")
    people.do("lea", "reject", 1, lead=True, reason="ugly")
    found = all_of(people)
    assert figures(found["ann"].agreement) == figures(found["bob"].agreement) == (2 / 3, 3)
    assert figures(found["ann"].overturned) == (1 / 3, 3)
    assert figures(found["bob"].overturned) == (0.0, 3)
    assert found["lea"].agreement.value is None


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_what_people_made_of_what_a_rule_asked(people):  # noqa: F811
    for place, kind in enumerate(["approve", "approve", "approve", "reject"]):
        people.do("ann", kind, place, reason="ugly")
    with people.database.reading() as connection:
        (found,) = rules(connection, SINCE)
        assert rules(connection, stamp(NOW + timedelta(days=1))) == []
    assert (found.said, found.rule) == ("ask", "rule-ask")
    assert figures(found.agreed) == (0.75, 4)
    assert round(found.agreed.low, 4) == 0.3006  # Wilson's interval of 3 of 4, by R's binom.wilson
    assert found.in_sample.value is None
