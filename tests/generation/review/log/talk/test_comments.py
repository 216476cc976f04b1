import pytest

from generation.review.log.talk.comments import inbox, pieces, seen, unread, unread_of


@pytest.mark.parametrize("people", [0.0], indirect=True)
def test_whom_a_comment_mentions_finds_it_once_and_reads_it(people):
    said = people.do("ann", "note", 0, note="@BOB, @vic and @nobody: see @ann. @bob!")
    assert said.more["mentions"] == ["bob", "vic"]
    people.do("ann", "note", 1, note="mail to x@bob is no mention")
    with people.database.reading() as connection:
        assert [unread(connection, name) for name in ("ann", "bob", "vic", "lea")] == [0, 1, 1, 0]
        found = inbox(connection, "bob")
        assert [(each.by, each.words, each.unread) for each in found] == [("ann", said.note, True)]
        assert unread_of(connection, "bob", found[0].case_id) == {said.seq}
    with people.database.writing() as connection:
        assert seen(connection, "bob", people.now, found[0].case_id) == 1
        assert seen(connection, "bob", people.now) == 0
    with people.database.reading() as connection:
        assert [unread(connection, name) for name in ("bob", "vic")] == [0, 1]
        assert not inbox(connection, "bob")[0].unread


def test_a_mention_reaches_nobody_before_both_have_answered(people):
    people.do("ann", "note", 0, note="@bob I would say no")
    people.do("ann", "reject", 0, reason="ugly", note="@vic look")
    with people.database.writing() as connection:
        assert [unread(connection, name) for name in ("bob", "vic")] == [0, 0]
        assert inbox(connection, "bob") == []
        assert seen(connection, "bob", people.now) == 0
    people.do("bob", "approve", 0)
    with people.database.reading() as connection:
        assert [unread(connection, name) for name in ("bob", "vic")] == [1, 1]
        assert inbox(connection, "vic")[0].words == "@vic look"


def test_the_pieces_of_a_text_are_the_text():
    for text in ("@ann@bob", "@@ann", "@ann.bob", "@ann_", "(@ann)\n@", ""):
        assert "".join(piece for piece, _ in pieces(text, ["ann", "ann.bob"])) == text
    assert ("@ann.bob", "ann.bob") in pieces("to @ann.bob.", ["ann", "ann.bob"])
