"""What is to be told outside: new nights, mentions, assignments, disputes and overdue covers, each once.

A notice is found in the desk's own tables and kept until it is delivered, so that neither a restart nor an outage of
who listens loses one. What happened before the hook was set is not told.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, cast, delete, func, insert, literal, select, update

from generation.review.log.schema import cases, entries, mentions, nights, notices
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import parsed, stamp
from generation.review.log.talk.comments import open_to_all
from generation.review.log.together.ageing import WAITS_IN, overdue

START = "start"
"""Key of the row that says from where on is told."""
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
"""Seconds between two attempts: doubled each time."""
ATTEMPTS = 20
"""About eleven hours; then a notice is given up."""
CHUNK = 500
"""Keys of one statement."""


def forget_start(connection: Connection) -> None:
    """Nothing is told from now on: what happens until a hook is set again is passed over then."""
    connection.execute(delete(notices).where(notices.c.key == START))


def collect(connection: Connection, now: datetime, *, hours: float | None, link: Callable[[str], str]) -> int:
    """Add what happened since the last time; returns how many notices that is.

    Parameters
    ----------
    connection
        Of a transaction that no other writer of the log overlaps.
    now
        When.
    hours
        After which a cover is overdue; None: never.
    link
        A path of the desk -> the address that a receiver can open.
    """
    head = chain.head(connection)[0]
    text = connection.execute(select(notices.c.body).where(notices.c.key == START)).scalar()
    if text is None:
        known = list(connection.execute(select(nights.c.ds)).scalars())
        begun = {"first": head, "read": head, "nights": known}
        row = {"key": START, "body": json.dumps(begun), "at": stamp(now), "next_at": stamp(now), "done_at": stamp(now)}
        connection.execute(insert(notices), [row])
        return 0
    begun = json.loads(text)
    found = {
        **dict(_nights(connection, begun["nights"])),
        **dict(_mentions(connection, max(begun["first"], begun.get("told", 0)))),
        **dict(_assignments(connection, begun["read"])),
        **dict(_disputes(connection, begun["first"])),
        **dict(_overdue(connection, now, hours, begun["nights"])),
    }
    known_keys = set(connection.execute(select(notices.c.key).where(notices.c.key.in_(list(found)))).scalars())
    rows = [
        {"key": key, "body": _body(key, event, now, link), "at": stamp(now), "next_at": stamp(now)}
        for key, event in found.items()
        if key not in known_keys
    ]
    if rows:
        connection.execute(insert(notices), rows)
    if begun["read"] != head:
        body = json.dumps({**begun, "read": head})
        connection.execute(update(notices).where(notices.c.key == START).values(body=body))
    return len(rows)


def may_be_forgotten(connection: Connection, before: datetime, *, now: datetime, hours: float | None) -> dict[str, int]:
    """Bytes by key of notices that were done before a time and that :func:`collect` does not find again now.

    A night or a cover that waits once more, later than that, is told once more.
    """
    done = select(notices.c.key, func.length(notices.c.body)).where(notices.c.done_at < stamp(before))
    old = {key: int(size) for key, size in connection.execute(done.where(notices.c.key != START))}
    text = connection.execute(select(notices.c.body).where(notices.c.key == START)).scalar()
    if text is None or not old:
        return old
    begun = json.loads(text)
    found = {
        **dict(_nights(connection, begun["nights"])),
        **dict(_disputes(connection, begun["first"])),
        **dict(_overdue(connection, now, hours, begun["nights"])),
    }
    told = _told(connection, begun, set(old))
    return {key: size for key, size in old.items() if key not in found and _mentioned_in(key) <= told}


def forget_done(connection: Connection, before: datetime, *, now: datetime, hours: float | None) -> dict[str, int]:
    """Delete the notices of :func:`may_be_forgotten`, and remember that these mentions were told."""
    old = may_be_forgotten(connection, before, now=now, hours=hours)
    text = connection.execute(select(notices.c.body).where(notices.c.key == START)).scalar()
    if text is not None and old:
        begun = json.loads(text)
        body = json.dumps({**begun, "told": max(begun.get("told", 0), *map(_mentioned_in, old))})
        connection.execute(update(notices).where(notices.c.key == START).values(body=body))
    keys = list(old)
    for start in range(0, len(keys), CHUNK):
        connection.execute(delete(notices).where(notices.c.key.in_(keys[start : start + CHUNK])))
    return old


def _mentioned_in(key: str) -> int:
    """Number of the comment of a mention's key, 0 of any other key."""
    kind, _, rest = key.partition(":")
    return int(rest.partition(":")[0]) if kind == "mention" else 0


def _told(connection: Connection, begun: dict[str, Any], old: set[str]) -> int:
    """The last comment up to which every mention's notice is among ``old``."""
    told = max(int(begun["first"]), int(begun.get("told", 0)))
    query = select(mentions.c.seq, mentions.c.name).where(mentions.c.seq > told).order_by(mentions.c.seq)
    for seq, name in connection.execute(query):
        if f"mention:{seq}:{name}" not in old:
            return min(told, int(seq) - 1)
        told = int(seq)
    return told


def _body(key: str, event: dict[str, Any], now: datetime, link: Callable[[str], str]) -> str:
    path = event.pop("path")
    return json.dumps({"id": key, **event, "at": stamp(now), "url": link(path)}, ensure_ascii=False)


Found = Iterator[tuple[str, dict[str, Any]]]


def _nights(connection: Connection, before: list[str]) -> Found:
    query = select(nights.c.ds).where(nights.c.ds.not_in(before)).order_by(nights.c.ds)
    for ds in connection.execute(query).scalars().all():
        waits = select(func.count()).select_from(cases).where(cases.c.ds == ds, cases.c.queue == "pending")
        number = int(connection.execute(waits).scalar_one())
        if number:
            yield f"night:{ds}", {"event": "night", "ds": ds, "waiting": number, "path": f"/queue?ds={ds}"}


def _mentions(connection: Connection, first: int) -> Found:
    key = literal("mention:") + cast(mentions.c.seq, String) + ":" + mentions.c.name
    told = select(notices.c.key).where(notices.c.key == key)
    query = (
        select(mentions.c.seq, mentions.c.name, cases.c.id, cases.c.ds, cases.c.title, entries.c.body)
        .select_from(
            mentions.join(cases, cases.c.id == mentions.c.case_id).join(entries, entries.c.seq == mentions.c.seq)
        )
        .where(mentions.c.seq > first, open_to_all(), ~told.exists())
        .order_by(mentions.c.seq)
    )
    for row in connection.execute(query):
        entry = parsed(row.body)
        yield (
            f"mention:{row.seq}:{row.name}",
            {"event": "mention", "to": row.name, "by": entry.by, **_cover(row), "words": entry.note},
        )


def _assignments(connection: Connection, read: int) -> Found:
    query = select(entries.c.body).where(entries.c.seq > read, entries.c.kind == "assign").order_by(entries.c.seq)
    for body in connection.execute(query).scalars():
        entry = parsed(body)
        to = entry.more.get("to")
        if to and to != entry.by:
            about = {"to": to, "by": entry.by, "ds": entry.ds, "covers": entry.more["covers"]}
            path = f"/queue?ds={entry.ds}&tab=assigned"
            yield f"assignment:{entry.more['step']}", {"event": "assignment", **about, "path": path}


def _disputes(connection: Connection, first: int) -> Found:
    columns = (cases.c.id, cases.c.ds, cases.c.title, cases.c.last_entry)
    query = select(*columns).where(cases.c.queue == "disputed", cases.c.last_entry > first).order_by(cases.c.id)
    for row in connection.execute(query):
        yield f"dispute:{row.id}:{row.last_entry}", {"event": "dispute", **_cover(row)}


def _overdue(connection: Connection, now: datetime, hours: float | None, before: list[str]) -> Found:
    """Once for all that came together and has waited too long."""
    late = overdue(connection, now, hours)
    if late is None:
        return
    newest = select(func.max(cases.c.came_at)).where(
        cases.c.queue.in_(WAITS_IN), cases.c.came_at < late.before, cases.c.ds.not_in(before)
    )
    came = connection.execute(newest).scalar()
    if came is not None:
        about = {"covers": late.count, "since": late.since, "path": "/queue?ds=all&tab=all&order=oldest"}
        yield f"overdue:{came}", {"event": "overdue", **about}


def _cover(row: Any) -> dict[str, Any]:
    return {"cover": row.id, "ds": row.ds, "title": row.title, "path": f"/case/{row.id}#thread-{row.id}"}


def due(connection: Connection, now: datetime, limit: int = 20) -> list[tuple[str, str]]:
    """Keys and bodies of what is to be delivered now, the oldest first."""
    query = select(notices.c.key, notices.c.body).where(notices.c.done_at.is_(None), notices.c.next_at <= stamp(now))
    found = connection.execute(query.order_by(notices.c.at, notices.c.key).limit(limit))
    return [(row.key, row.body) for row in found]


def delivered(connection: Connection, key: str, now: datetime) -> None:
    """It was told."""
    connection.execute(update(notices).where(notices.c.key == key).values(done_at=stamp(now), outcome="done"))


def not_delivered(connection: Connection, key: str, why: str, now: datetime) -> bool:
    """Try again later, twice as late each time; returns whether it was given up."""
    tries = int(connection.execute(select(notices.c.tries).where(notices.c.key == key)).scalar_one()) + 1
    later = now + timedelta(seconds=min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE))
    values: dict[str, Any] = {"tries": tries, "outcome": why[:500], "next_at": stamp(later)}
    if tries >= ATTEMPTS:
        values["done_at"] = stamp(now)
    connection.execute(update(notices).where(notices.c.key == key).values(values))
    return tries >= ATTEMPTS
