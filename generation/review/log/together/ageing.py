"""How long covers wait for a person, and which of them wait too long."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from generation.review.log.queue import COUNT_LIMIT, of_kind
from generation.review.log.schema import cases
from generation.review.log.sealing.chain import stamp

WAITS_IN = ("pending", "disputed")
"""Queues in which a cover cannot go out before a person has decided."""


@dataclass(frozen=True, kw_only=True)
class Age:
    """How long a cover waits."""

    words: str
    overdue: bool


@dataclass(frozen=True, kw_only=True)
class Overdue:
    """Covers of all nights that wait too long."""

    count: int
    more: bool
    """There are more than were counted."""
    since: str
    """When the oldest of them came."""
    before: str
    """What came before this is overdue."""


def ages(rows: Iterable[Row[Any]], now: datetime, hours: float | None) -> dict[int, Age]:
    """Ages of those of the rows that wait, by case."""
    found = {}
    for row in rows:
        if row.queue in WAITS_IN and row.came_at is not None:
            waits = now - datetime.fromisoformat(row.came_at)
            over = hours is not None and waits > timedelta(hours=hours)
            found[row.id] = Age(words=lasting(waits), overdue=over)
    return found


def lasting(time: timedelta) -> str:
    """A length of time in one unit.

    Examples
    --------
    >>> lasting(timedelta(minutes=59)), lasting(timedelta(hours=47)), lasting(timedelta(hours=49))
    ('59 min', '47 h', '2 days')
    """
    minutes = max(0, int(time.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def overdue(connection: Connection, now: datetime, hours: float | None, what: str | None = None) -> Overdue | None:
    """Covers (or titles, by ``what``) that wait longer than so many hours; None for none, or without a limit."""
    if hours is None:
        return None
    before = stamp(now - timedelta(hours=hours))
    found, since = 0, before
    for name in WAITS_IN:  # one by one: each is then a range of the index
        late = cases.c.queue == name, cases.c.came_at < before, of_kind(what)
        part = select(cases.c.id).where(*late).limit(COUNT_LIMIT + 1).subquery()
        found += int(connection.execute(select(func.count()).select_from(part)).scalar_one())
        first = select(cases.c.came_at).where(*late).order_by(cases.c.came_at).limit(1)
        since = min(since, connection.execute(first).scalar() or since)
    if not found:
        return None
    return Overdue(count=min(found, COUNT_LIMIT), more=found > COUNT_LIMIT, since=since, before=before)
