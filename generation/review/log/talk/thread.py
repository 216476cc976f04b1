"""What people did about one cover, in order: answers with their reasons, comments, assignments, the settlement.

While the second of two answers is awaited everybody reads their own lines only, so that neither an answer nor a comment
on it reaches whoever answers second.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from generation.review.log.answers.case_state import VOTES
from generation.review.log.schema import accounts, entries, undone
from generation.review.log.sealing.chain import Entry, parsed
from generation.review.log.talk.comments import pieces, unread_of

MOST = 100
"""Lines that are shown, the newest of them."""
SHOWN = (*VOTES, "note", "assign", "takedown")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that somebody did or said."""

    entry: Entry
    does: str
    """In words, behind the name."""
    pieces: tuple[tuple[str, str | None], ...] = ()
    """The comment's text; see :func:`generation.review.log.talk.comments.pieces`."""
    taken_back_by: str | None = None
    unread: bool = False
    """It mentions the reader, who has not seen it."""


@dataclass(frozen=True, kw_only=True)
class Thread:
    """What is shown of it to one reader."""

    lines: tuple[Line, ...]
    answers: tuple[Line, ...] = ()
    """The latest answer of each of the two, where two people decided; empty before both have."""
    ruling: Line | None = None
    """The lead's settlement of their dispute."""
    own_only: bool = False
    """Other people's lines are kept back."""

    @property
    def rest(self) -> list[Line]:
        """Lines that are neither one of the two answers nor the settlement."""
        apart = [*self.answers, self.ruling]
        return [line for line in self.lines if line not in apart]


def thread_of(connection: Connection, row: Row[Any], me: str) -> Thread:
    """The thread of a case for a reader."""
    query = select(entries.c.body, entries.c.hash).where(
        entries.c.ds == row.ds, entries.c.unit_id == row.unit_id, entries.c.kind.in_(SHOWN)
    )
    found = connection.execute(query.order_by(entries.c.seq.desc()).limit(MOST)).all()
    log = [parsed(each.body, each.hash) for each in reversed(found)]
    own_only = bool(row.doubled) and row.verdict is None and row.queue != "disputed"
    if own_only:
        log = [entry for entry in log if entry.by == me or entry.kind == "assign"]
    back = _taken_back(connection, [entry.seq for entry in log])
    names = _names(connection) if any(entry.note and "@" in entry.note for entry in log) else []
    fresh = unread_of(connection, me, row.id)
    lines = tuple(
        Line(
            entry=entry,
            does=_words(entry, row),
            pieces=tuple(pieces(entry.note or "", names)),
            taken_back_by=back.get(entry.seq),
            unread=entry.seq in fresh,
        )
        for entry in log
    )
    if own_only or not row.doubled:
        return Thread(lines=lines, own_only=own_only)
    votes = [line for line in lines if line.entry.kind in VOTES and line.taken_back_by is None]
    answers = {line.entry.by: line for line in votes if not line.entry.adjudicates and not line.entry.bulk_id}
    ruling = next((line for line in reversed(votes) if line.entry.adjudicates), None)
    return Thread(lines=lines, answers=tuple(answers.values()) if len(answers) > 1 else (), ruling=ruling)


def _taken_back(connection: Connection, numbers: list[int]) -> dict[int, str]:
    query = select(undone.c.seq, entries.c.by).join(entries, entries.c.seq == undone.c.by_seq)
    return {row.seq: row.by for row in connection.execute(query.where(undone.c.seq.in_(numbers)))}


def _names(connection: Connection) -> list[str]:
    return list(connection.execute(select(accounts.c.name)).scalars())


def _words(entry: Entry, row: Row[Any]) -> str:
    does = {
        "approve": "approved",
        "reject": "rejected",
        "pick": "approved another candidate",
        "note": "wrote",
        "takedown": "took it down",
    }
    if entry.kind == "assign":
        to = entry.more.get("to")
        return f"assigned it to {to}" if to else "took it back from whom it was assigned to"
    words = does[entry.kind]
    if entry.adjudicates:
        return f"settled it: {words}"
    return f"{words}, with others at once" if entry.bulk_id else words
