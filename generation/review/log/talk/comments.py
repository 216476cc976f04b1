"""Comments on a cover and who is mentioned in them.

A comment is an entry ``note`` of the log. A mention is a name behind ``@``; the entry lists those that are accounts
(``more["mentions"]``), and the table ``mentions`` says who has seen which.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from generation.review.log.schema import accounts, cases, entries, mentions
from generation.review.log.sealing.chain import Entry, parsed, stamp

MOST = 200
"""Mentions that one page shows."""


@dataclass(frozen=True, kw_only=True)
class Mention:
    """Somebody's words for a person."""

    case_id: int
    ds: str
    title: str
    by: str
    at: str
    words: str
    unread: bool


def pieces(words: str, names: Iterable[str]) -> list[tuple[str, str | None]]:
    """A text in pieces, each with the account that it mentions or None.

    Examples
    --------
    >>> pieces("look, @ann. Or @Bob?", ["ann", "bob"])
    [('look, ', None), ('@ann', 'ann'), ('. Or ', None), ('@Bob', 'bob'), ('?', None)]
    >>> pieces("mail@ann, @annabel", ["ann"])
    [('mail@ann, @annabel', None)]
    """
    known = {name.casefold(): name for name in names}
    found: list[tuple[str, str | None]] = []
    end = 0
    for match in re.finditer(r"(?<![\w@.-])@([\w.@-]{1,64})", words):
        text = match[1]
        while text and text.casefold() not in known and text[-1] in "._@-":
            text = text[:-1]
        name = known.get(text.casefold())
        if name is None:
            continue
        found += [(words[end : match.start()], None), (f"@{text}", name)]
        end = match.start() + 1 + len(text)
    return [piece for piece in [*found, (words[end:], None)] if piece[0]]


def named_in(connection: Connection, words: str | None, by: str) -> list[str]:
    """Open accounts, other than the writer's own, that a text mentions."""
    if not words or "@" not in words:
        return []
    names = connection.execute(select(accounts.c.name).where(accounts.c.disabled == 0)).scalars()
    found = [name for _, name in pieces(words, names) if name is not None and name != by]
    return list(dict.fromkeys(found))


def tell(connection: Connection, case_id: int, entry: Entry) -> None:
    """Have those whom an entry mentions find it."""
    rows = [{"seq": entry.seq, "name": name, "case_id": case_id} for name in entry.more.get("mentions", ())]
    if rows:
        connection.execute(insert(mentions), rows)


def open_to_all() -> ColumnElement[bool]:
    """Covers whose answers and comments everybody may read: not while the second of two answers is awaited."""
    return or_(cases.c.doubled == 0, cases.c.verdict.is_not(None), cases.c.queue == "disputed")


def unread(connection: Connection, me: str) -> int:
    """How many mentions a person has not seen yet."""
    query = select(func.count()).select_from(mentions.join(cases, cases.c.id == mentions.c.case_id))
    return int(
        connection.execute(query.where(mentions.c.name == me, mentions.c.read_at.is_(None), open_to_all())).scalar_one()
    )


def unread_of(connection: Connection, me: str, case_id: int) -> set[int]:
    """Comments on a cover that mention a person who has not seen them, by their numbers in the log."""
    query = select(mentions.c.seq).where(
        mentions.c.name == me, mentions.c.case_id == case_id, mentions.c.read_at.is_(None)
    )
    return set(connection.execute(query).scalars())


def inbox(connection: Connection, me: str) -> list[Mention]:
    """What mentions a person: the unseen first, then the newest first."""
    query = (
        select(mentions.c.case_id, mentions.c.read_at, cases.c.ds, cases.c.title, entries.c.body)
        .select_from(
            mentions.join(cases, cases.c.id == mentions.c.case_id).join(entries, entries.c.seq == mentions.c.seq)
        )
        .where(mentions.c.name == me, open_to_all())
        .order_by(mentions.c.read_at.is_not(None), mentions.c.seq.desc())
        .limit(MOST)
    )
    return [_mention(row, parsed(row.body)) for row in connection.execute(query)]


def _mention(row: Any, entry: Entry) -> Mention:
    return Mention(
        case_id=row.case_id,
        ds=row.ds,
        title=row.title,
        by=entry.by,
        at=entry.at,
        words=entry.note or "",
        unread=row.read_at is None,
    )


def seen(connection: Connection, me: str, now: datetime, case_id: int | None = None) -> int:
    """Mark what mentions a person and may be read as seen, on one cover or everywhere; returns how many."""
    visible = select(cases.c.id).where(open_to_all())
    statement = update(mentions).where(
        mentions.c.name == me, mentions.c.read_at.is_(None), mentions.c.case_id.in_(visible)
    )
    if case_id is not None:
        statement = statement.where(mentions.c.case_id == case_id)
    return int(connection.execute(statement.values(read_at=stamp(now))).rowcount)
