"""Whose work a cover is: assigned by people, one by one or many at once, and written into the log."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from conf.errors import Forbidden, Refused
from generation.review.log.answers.four_eyes import standing
from generation.review.log.database import Database
from generation.review.log.decisions import chunks, told_before
from generation.review.log.queue import Filter, conditions
from generation.review.log.schema import accounts, cases, entries
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry, parsed, stamp


def assign(
    database: Database,
    asked: Filter | Sequence[int],
    *,
    to: str | None,
    by: str,
    lead: bool,
    limit: int,
    now: datetime,
    key: str | None = None,
) -> int:
    """Give covers that wait to a person, or to nobody; what is that person's already stays as it is.

    Sent twice with one ``key`` it is done once.

    Parameters
    ----------
    database
        The desk's.
    asked
        Covers by id, or, for leads, all that a filter finds.
    to
        Who is to decide them; None takes them from whoever has them.
    by, lead
        Who assigns, and whether that is a lead.
    limit
        Covers in one step.
    now, key
        When, and the browser's key of this request.

    Returns
    -------
    int
        Covers that changed hands.

    Raises
    ------
    Forbidden
        When somebody other than a lead assigns a filter.
    Refused
        When that person decides nothing here, there are too many covers, or none of them waits.
    """
    if isinstance(asked, Filter) and not lead:
        raise Forbidden("A whole filter is assigned by a lead; select the covers that you mean.")
    with database.writing() as connection:
        told = told_before(connection, key, by, "assign")
        if told is not None:
            return int(told.more["covers"])
        if to is not None:
            _check_person(connection, to)
        rows = _waiting(connection, asked, by, limit)
        if len(rows) > limit:
            raise Refused(f"One step assigns at most {limit} covers.")
        if not rows:
            raise Refused("None of these covers waits for anybody.")
        free = [row for row in rows if row.assigned_to != to and not _answered(connection, row, to)]
        if not free:
            raise Refused(f"All of them are {to}'s already, or {to} gave an answer." if to else "They are nobody's.")
        step = {"to": to or "", "covers": len(free), "step": secrets.token_hex(8)}
        new = [Entry(kind="assign", ds=row.ds, by=by, unit_id=row.unit_id, more=step) for row in free]
        new[0] = Entry(**{**vars(new[0]), "key": key})
        written = chain.append(connection, new, now)
        for part in chunks([row.id for row in free]):
            values = {"assigned_to": to, "assigned_at": stamp(now) if to else None}
            connection.execute(update(cases).where(cases.c.id.in_(part)).values(values))
        return len(written)


def _check_person(connection: Connection, name: str) -> None:
    role = select(accounts.c.role).where(accounts.c.name == name, accounts.c.disabled == 0)
    if connection.execute(role).scalar() not in ("reviewer", "lead"):
        raise Refused(f"{name!r} is no reviewer or lead of this desk.")


def _waiting(connection: Connection, asked: Filter | Sequence[int], me: str, limit: int) -> list[Row[Any]]:
    query = select(cases).where(cases.c.verdict.is_(None))
    if isinstance(asked, Filter):
        found = query.where(*conditions(connection, asked, me)).order_by(cases.c.stake.desc(), cases.c.id.desc())
        return list(connection.execute(found.limit(limit + 1)).all())
    rows: list[Row[Any]] = []
    for part in chunks(asked):
        rows += connection.execute(query.where(cases.c.id.in_(part))).all()
    return rows


def _answered(connection: Connection, row: Row[Any], name: str | None) -> bool:
    """Whether somebody gave one of the two answers of a dispute, which everybody may know and which bars from it."""
    return row.queue == "disputed" and any(answer.by == name for answer in standing(connection, row))


def waiting_for(connection: Connection, me: str) -> dict[str, int]:
    """Covers that are assigned to a person and wait, by night, newest first."""
    query = (
        select(cases.c.ds, func.count())
        .where(cases.c.assigned_to == me, cases.c.verdict.is_(None))
        .where(cases.c.first_voter.is_(None) | (cases.c.first_voter != me))
        .group_by(cases.c.ds)
        .order_by(cases.c.ds.desc())
    )
    return {str(ds): int(number) for ds, number in connection.execute(query)}


def faults(connection: Connection, ds: str) -> Iterator[str]:
    """Covers of a night that are somebody's without the log, in words."""
    query = select(entries.c.unit_id, entries.c.body).where(entries.c.ds == ds, entries.c.kind == "assign")
    due = {
        row.unit_id: parsed(row.body).more.get("to") or None
        for row in connection.execute(query.order_by(entries.c.seq))
    }
    there = select(cases.c.id, cases.c.unit_id, cases.c.assigned_to).where(cases.c.ds == ds)
    for row in connection.execute(there.execution_options(yield_per=2000)):
        if row.assigned_to != due.get(row.unit_id):
            yield f"cover {row.id} of {ds}: assigned_to does not follow from the log"
