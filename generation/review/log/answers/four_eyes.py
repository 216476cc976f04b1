"""Four eyes: who stands behind an answer to a cover that two people decide.

Behind an answer stand the person whose it is, whoever read it in from a file (the importer), and whoever set that
person's password (the deputy, who could have signed in by that name). None of them can give the second answer. All of
them are named in the chained entry.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from conf.errors import Refused
from generation.review.log.answers.case_state import VOTES
from generation.review.log.schema import accounts, entries, undone
from generation.review.log.sealing.chain import Entry, parsed, stamp

COMMAND_LINE = "command line"
"""Importer or deputy where somebody at the machine itself did it: no person of the desk."""


@dataclass(frozen=True, kw_only=True)
class Answering:
    """Somebody about to answer."""

    by: str
    importer: str | None = None
    deputy: str | None = None
    handover_until: str | None = None
    """Until when the deputy's password is too new for answers of two."""

    @property
    def named(self) -> dict[str, str]:
        """What the entry says beside the name."""
        pairs = {"importer": self.importer, "deputy": self.deputy}
        return {role: name for role, name in pairs.items() if name}


def answering(connection: Connection, by: str, importer: str | None = None) -> Answering:
    """A person as the account says; without an account nobody set a password."""
    query = select(accounts.c.set_by, accounts.c.handover_until).where(accounts.c.name == by)
    row = connection.execute(query).first()
    return Answering(
        by=by, importer=importer, deputy=row.set_by if row else None, handover_until=row.handover_until if row else None
    )


def check(connection: Connection, row: Row[Any], who: Answering, now: datetime, *, ruling: bool) -> None:
    """Refuse an answer to a two-person cover that would not be another person's.

    Parameters
    ----------
    connection
        Of the transaction.
    row
        The case; one that a single person decides passes.
    who
        Who is about to answer.
    now
        When.
    ruling
        A lead settles a dispute, or changes what two people settled.

    Raises
    ------
    Refused
        Which says why, and who can.
    """
    if not row.doubled:
        return
    if who.importer is not None and who.importer != who.by:
        raise Refused(f"Two people decide this cover: {who.by} must sign in and bring that answer in person.")
    if who.deputy != COMMAND_LINE and who.handover_until is not None and stamp(now) < who.handover_until:
        raise Refused(
            f"{who.deputy} set your password: until {who.handover_until[:16]} UTC you do not answer where two "
            "people decide."
        )
    for answer in standing(connection, row):
        if ruling and not answer.adjudicates and who.by in (answer.by, answer.more.get("importer")):
            raise Refused("Somebody other than the two who answered must settle it.")
        if not ruling and answer.by != who.by and (who.by in behind(answer) or who.deputy == answer.by):
            raise Refused(
                f"Whoever set a password cannot be the second beside that person, and {answer.by}'s answer counts: "
                "somebody else must answer."
            )


def behind(answer: Entry) -> set[str | None]:
    """Who stands behind an answer, besides the command line.

    Examples
    --------
    >>> sorted(behind(Entry(kind="approve", ds="2026-03-29", by="ann", more={"deputy": "lea"})))
    ['ann', 'lea']
    """
    return {answer.by, answer.more.get("importer"), answer.more.get("deputy")} - {None, COMMAND_LINE}


def standing(connection: Connection, row: Row[Any]) -> list[Entry]:
    """Answers to a case that nobody took back, in order."""
    query = select(entries.c.body).where(
        entries.c.ds == row.ds,
        entries.c.unit_id == row.unit_id,
        entries.c.kind.in_(VOTES),
        ~select(undone.c.seq).where(undone.c.seq == entries.c.seq).exists(),
    )
    return [parsed(body) for body in connection.execute(query.order_by(entries.c.seq)).scalars()]
