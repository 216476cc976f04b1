import pytest

from generation.review.log import decisions
from generation.review.log.talk.thread import thread_of


def thread(people, place, me):
    with people.database.reading() as connection:
        return thread_of(connection, people.row(place), me)


def said(found):
    return [(line.entry.by, line.does) for line in found.lines]


def test_before_both_have_answered_everybody_sees_their_own_lines_only(people):
    people.do("ann", "note", 0, note="odd eyes")
    people.do("ann", "reject", 0, reason="ugly", note="two left hands")
    people.do("bob", "note", 0, note="which fox is it?")
    mine, other, lead = (thread(people, 0, name) for name in ("ann", "bob", "lea"))
    assert said(mine) == [("ann", "wrote"), ("ann", "rejected")]
    assert said(other) == [("bob", "wrote")]
    assert (said(lead), lead.own_only, lead.answers) == ([], True, ())


def test_a_dispute_has_both_answers_the_comments_and_the_settlement(people):
    people.do("ann", "reject", 0, reason="ugly", note="@lea two left hands")
    people.do("bob", "approve", 0)
    people.do("ann", "note", 0, note="see the thumb")
    found = thread(people, 0, "lea")
    assert [(each.entry.by, each.does, each.entry.reason) for each in found.answers] == [
        ("ann", "rejected", "ugly"),
        ("bob", "approved", None),
    ]
    assert found.ruling is None
    assert found.answers[0].pieces == (("@lea", "lea"), (" two left hands", None))
    assert found.answers[0].unread
    assert [line.entry.note for line in found.rest] == ["see the thumb"]
    people.do("lea", "approve", 0, lead=True)
    settled = thread(people, 0, "ann")
    assert (settled.ruling.entry.by, settled.ruling.does) == ("lea", "settled it: approved")
    assert len(settled.answers) == 2


def test_an_answer_that_was_taken_back_closes_the_thread_again(people):
    people.do("ann", "reject", 0, reason="ugly")
    people.do("bob", "approve", 0)
    decisions.undo(people.database, "bob", people.now)
    assert said(thread(people, 0, "lea")) == []
    own = thread(people, 0, "bob")
    assert [(line.does, line.taken_back_by) for line in own.lines] == [("approved", "bob")]


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_where_one_person_decides_everybody_reads_everything(people):
    people.do("ann", "note", 0, note="odd")
    people.do("bob", "approve", 0)
    assert said(thread(people, 0, "vic")) == [("ann", "wrote"), ("bob", "approved")]
