"""Deciding many covers at once: what was previewed, and nothing else; undone in one step.

Covers that two people decide are never among them: each of the two must have looked.
"""

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from conf.errors import Refused
from generation.review.log.database import Database
from generation.review.log.decisions import chunks, limit_of, refresh
from generation.review.log.queue import Filter, conditions, rows_of
from generation.review.log.schema import bulk_previews, cases
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry, clean, stamp

TYPED_OVER = 50
"""A step over more covers is confirmed by typing how many."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a bulk step would do."""

    token: str
    kind: str
    reason: str | None
    rows: Sequence[Row[Any]]
    """The covers, by stake."""
    more: bool
    """The filter finds more than one step may decide."""
    over_limit: int = 0
    """Covers over the safety limit, which are left out of an approval: each needs a lead's words."""
    for_two: int = 0
    """Covers of a selection that are left out as two people decide them."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a bulk step did."""

    bulk_id: str
    decided: int
    passed: int
    """Covers somebody decided between preview and confirmation; they keep that decision."""


def preview(
    database: Database,
    asked: Filter | Sequence[int],
    *,
    kind: str,
    reason: str | None,
    reasons: Collection[str],
    me: str,
    limit: int,
    now: datetime,
) -> Preview:
    """Show what a step would decide; nothing is decided yet.

    Parameters
    ----------
    database
        The desk's.
    asked
        A filter, or the covers that were selected by hand.
    kind, reason, reasons
        approve or reject; a rejection has one of the reasons.
    me
        Who asks; only this person can confirm.
    limit
        Covers in one step.
    now
        When.

    Raises
    ------
    Refused
        When the kind or the reason will not do, or nothing is found.
    """
    if kind not in ("approve", "reject"):
        raise Refused("A bulk step approves or rejects.")
    if kind == "reject" and clean(reason) not in reasons:
        raise Refused(f"A rejection needs one of the reasons {', '.join(reasons)}.")
    with database.writing() as connection:
        standing = [cases.c.verdict.is_(None) | (cases.c.verdict != "takedown"), cases.c.doubled == 0]
        over: list[Row[Any]] = []
        for_two = 0
        if isinstance(asked, Filter):
            query = select(cases).where(*conditions(connection, asked, me), *standing)
            rows = connection.execute(query.order_by(cases.c.stake.desc(), cases.c.id.desc()).limit(limit + 1)).all()
        else:
            rows = []
            for part in chunks(asked):
                rows += connection.execute(select(cases).where(cases.c.id.in_(part), *standing)).all()
                doubled = select(func.count()).where(cases.c.id.in_(part), cases.c.doubled == 1)
                for_two += connection.execute(doubled).scalar_one()
        if kind == "approve" and rows:
            ceiling = limit_of(connection, rows[0].ds)
            over = [row for row in rows if over_limit(row, ceiling)]
            rows = [row for row in rows if not over_limit(row, ceiling)]
        if over and not rows:
            raise Refused("Every one of these covers is over the safety limit: each needs a lead's reason in words.")
        if not rows:
            raise Refused("There is nothing to decide: the filter finds no cover that one person may decide.")
        if len({row.ds for row in rows}) > 1:
            raise Refused("One step decides covers of one night.")
        chosen = list(rows[:limit])
        token = secrets.token_urlsafe(24)
        row = {
            "token": token,
            "by": me,
            "at": stamp(now),
            "kind": kind,
            "reason": clean(reason) if kind == "reject" else None,
            "members": json.dumps([[each.id, each.last_entry] for each in chosen]),
            "used": 0,
        }
        connection.execute(insert(bulk_previews), [row])
        more = len(rows) + len(over) > limit
        left_out = {"over_limit": len(over), "for_two": for_two}
        return Preview(token=token, kind=kind, reason=row["reason"], rows=chosen, more=more, **left_out)  # type: ignore[arg-type]


def over_limit(row: Row[Any], limit: float) -> bool:
    """Whether a cover's chosen candidate is over the safety limit, so that no bulk step approves it."""
    return row.nsfw is not None and row.nsfw > limit


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A page of a preview."""

    kind: str
    reason: str | None
    count: int
    """Covers of the whole step."""
    rows: Sequence[Row[Any]]
    pages: int


def shown(database: Database, token: str, *, me: str, page: int, size: int) -> Shown:
    """One page of a preview, most traffic first.

    Raises
    ------
    Refused
        When there is no such preview of this person.
    """
    with database.reading() as connection:
        query = select(bulk_previews).where(bulk_previews.c.token == token, bulk_previews.c.by == me)
        found = connection.execute(query).first()
        if found is None:
            raise Refused("There is no such preview; make it again.")
        numbers = [number for number, _ in json.loads(found.members)]
        pages = max(1, -(-len(numbers) // size))
        place = min(max(page, 1), pages) - 1
        rows = rows_of(connection, numbers[place * size : (place + 1) * size])
    return Shown(kind=found.kind, reason=found.reason, count=len(numbers), rows=rows, pages=pages)


def apply(database: Database, token: str, *, me: str, now: datetime, typed: str | None = None) -> Done:
    """Decide what was previewed, in one transaction; once.

    Parameters
    ----------
    database, token, me, now
        Where, which preview, who and when.
    typed
        The number of covers, as the person typed it: needed over :data:`TYPED_OVER`.

    Raises
    ------
    Refused
        When there is no such preview of this person, it was used, or the number was not typed.
    """
    with database.writing() as connection:
        query = select(bulk_previews).where(bulk_previews.c.token == token, bulk_previews.c.by == me)
        shown = connection.execute(query).first()
        if shown is None:
            raise Refused("There is no such preview; make it again.")
        if shown.used:
            raise Refused("This step was done before.")
        members = json.loads(shown.members)
        if len(members) > TYPED_OVER and (typed or "").strip() != str(len(members)):
            raise Refused(f"This step decides {len(members)} covers: type that number to confirm it.")
        connection.execute(update(bulk_previews).where(bulk_previews.c.token == token).values(used=1))
        free: list[Row[Any]] = []
        for part in chunks(members):
            seen = dict(part)
            found = connection.execute(select(cases).where(cases.c.id.in_(list(seen)))).all()
            free += [row for row in found if row.last_entry == seen[row.id] and row.verdict != "takedown"]
        free = [row for row in free if not row.doubled]
        if shown.kind == "approve" and free:
            ceiling = limit_of(connection, free[0].ds)
            free = [row for row in free if not over_limit(row, ceiling)]
        bulk_id = secrets.token_hex(16)
        entries = [
            Entry(
                kind=shown.kind,
                ds=row.ds,
                by=me,
                unit_id=row.unit_id,
                cover_id=row.selected_cover_id,
                reason=shown.reason,
                bulk_id=bulk_id,
            )
            for row in free
        ]
        written = chain.append(connection, entries, now)
        numbers = {entry.unit_id or "": entry.seq for entry in written}
        for some in chunks(free):
            refresh(connection, some, numbers)
        return Done(bulk_id=bulk_id, decided=len(free), passed=len(members) - len(free))
