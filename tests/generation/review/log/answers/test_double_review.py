"""Answers that two people gave without seeing each other's."""

from conf.review import ReviewSettings
from generation.review.log import decisions
from generation.review.log.answers.double_review import ratings
from generation.review.log.decisions import Decision
from tests.generation.review.conftest import NOW, rows_of

REASONS = ReviewSettings().reasons


def decide(database, row, kind, by, **more):
    wanted = Decision(case_id=row.id, kind=kind, by=by, seen=row.last_entry, key=f"{row.id}-{by}-{kind}", **more)
    return decisions.decide(database, wanted, REASONS, NOW)


def found(database):
    ds = rows_of(database)[0].ds
    with database.reading() as connection:
        return ratings(connection, ds)


def test_each_persons_first_standing_answer_counts(make_desk):
    database = make_desk(4, double_share=1.0)
    first, second = rows_of(database)[:2]
    assert found(database) == {}
    decide(database, first, "approve", "ann")
    decide(database, rows_of(database)[0], "reject", "bob", reason="ugly")
    decide(database, second, "approve", "ann")
    assert found(database) == {
        first.unit_id: {"ann": "approve", "bob": "reject"},
        second.unit_id: {"ann": "approve"},
    }
    decisions.undo(database, "ann", NOW)
    assert found(database) == {first.unit_id: {"ann": "approve", "bob": "reject"}}


def test_covers_that_one_person_decides_are_no_double_review(make_desk):
    database = make_desk(2)
    decide(database, rows_of(database)[0], "approve", "ann")
    assert found(database) == {}
