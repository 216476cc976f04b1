"""The log of decisions: append-only, each entry's hash covering the one before it.

``hash = HMAC-SHA-256(key, previous hash, newline, body)`` where the body is the entry as canonical JSON
(sorted keys, no spaces, UTF-8) and the key is the desk's (:mod:`generation.review.log.sealing.seal`); entries that are
older than the key have plain SHA-256. The first entry follows :data:`GENESIS`. Nothing is ever taken out: an undo is an
entry that names what it undoes.

A chain cannot show that its end was cut off; :mod:`generation.review.log.verify` finds that through the
witness and through what the lake holds.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from generation.review.log.schema import entries, log_key
from generation.review.log.sealing.seal import Seal

GENESIS = "0" * 64
MAX_TEXT = 2000
"""Signs of a person's words that are kept."""
KINDS = ("approve", "reject", "pick", "skip", "note", "assign", "undo", "takedown", "ab")
"""``pick`` approves another candidate of the unit than the chosen one; ``note`` is a comment; ``assign`` says whose
work a cover is (``more["to"]``); ``ab`` is an answer to a blind pair."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that a person decided."""

    kind: str
    ds: str
    by: str
    unit_id: str | None = None
    cover_id: str | None = None
    reason: str | None = None
    note: str | None = None
    undoes: tuple[int, ...] = ()
    """Sequence numbers, of an undo."""
    bulk_id: str | None = None
    adjudicates: bool = False
    key: str | None = None
    """Made by the browser, so that a request sent twice is one entry."""
    more: dict[str, Any] = field(default_factory=dict)
    at: str = ""
    seq: int = 0
    hash: str = ""


def stamp(moment: datetime) -> str:
    """A time as the desk keeps it.

    Examples
    --------
    >>> stamp(datetime(2026, 3, 30, 8, tzinfo=UTC))
    '2026-03-30T08:00:00.000000+00:00'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def clean(text: str | None) -> str | None:
    r"""A person's words as both databases keep them: no NUL, no lone surrogate, at most :data:`MAX_TEXT`.

    Examples
    --------
    >>> clean(" a\x00b "), clean("  ")
    ('ab', None)
    """
    if text is None:
        return None
    kept = text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8").strip()[:MAX_TEXT]
    return kept or None


def canonical(entry: Entry) -> str:
    """The body of an entry: everything but its hash.

    Examples
    --------
    >>> canonical(Entry(kind="skip", ds="2026-03-29", by="ann", seq=1))
    '{"by":"ann","ds":"2026-03-29","kind":"skip","seq":1}'
    """
    values = {name: value for name, value in vars(entry).items() if value and name != "hash"}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def linked(previous: str, body: str, seal: Seal | None = None) -> str:
    """Hash of an entry behind another; without a seal the plain SHA-256 of older entries."""
    text = f"{previous}\n{body}"
    return seal.mac("decisions", text) if seal else hashlib.sha256(text.encode()).hexdigest()


def seal_of(connection: Connection) -> Seal:
    """The key and witness under which the database was opened."""
    found: Seal = connection.info["seal"]
    return found


def wrote(connection: Connection, chain: str, number: int, digest: str) -> None:
    """Have the end of a chain noted in the witness once the transaction is committed."""
    connection.info.setdefault("heads", {})[chain] = (number, digest)


def parsed(body: str, digest: str = "") -> Entry:
    """The entry that a body holds."""
    values = json.loads(body)
    return Entry(**{**values, "undoes": tuple(values.get("undoes", ())), "hash": digest})


def head(connection: Connection) -> tuple[int, str, str]:
    """Number, hash and time of the last entry; ``(0, GENESIS, "")`` before the first."""
    columns = (entries.c.seq, entries.c.hash, entries.c.at)
    row = connection.execute(select(*columns).order_by(entries.c.seq.desc()).limit(1)).first()
    return (row.seq, row.hash, row.at) if row else (0, GENESIS, "")


def append(connection: Connection, new: Iterable[Entry], now: datetime) -> list[Entry]:
    """Add entries to the log, inside a transaction that no other writer overlaps.

    Times only ever grow: an entry is at least a microsecond after the one before it, so that "the
    latest decision" has one meaning in the lake whatever the machine's clock does.

    Returns
    -------
    list[Entry]
        As they were written.
    """
    seq, digest, last = head(connection)
    seal = seal_of(connection)
    rows, written = [], []
    for entry in new:
        at = stamp(now)
        if at <= last:
            at = stamp(datetime.fromisoformat(last) + timedelta(microseconds=1))
        seq, last = seq + 1, at
        placed = Entry(**{**vars(entry), "at": at, "seq": seq, "hash": ""})
        body = canonical(placed)
        previous, digest = digest, linked(digest, body, seal)
        columns = ("seq", "kind", "ds", "unit_id", "by", "at", "bulk_id", "key")
        rows.append(
            {**{name: getattr(placed, name) for name in columns}, "hash": digest, "previous": previous, "body": body}
        )
        written.append(Entry(**{**vars(placed), "hash": digest}))
    if rows:
        connection.execute(insert(entries), rows)
        wrote(connection, "decisions", seq, digest)
    return written


def read(connection: Connection, *, after: int = 0, ds: str | None = None) -> Iterator[Entry]:
    """Entries in order, those of one night if asked."""
    query = select(entries.c.body, entries.c.hash).where(entries.c.seq > after).order_by(entries.c.seq)
    if ds is not None:
        query = query.where(entries.c.ds == ds)
    for row in connection.execute(query.execution_options(yield_per=2000)):
        yield parsed(row.body, row.hash)


def keyed_after(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last entry that is older than the key."""
    body = connection.execute(select(log_key.c.body)).scalar()
    known: list[Any] = json.loads(body)["decisions"] if body else [0, GENESIS]
    return int(known[0]), str(known[1])


def faults(connection: Connection) -> list[str]:
    """Everything in the log that is not as it was written, in words; empty when the chain holds."""
    found, previous = [], GENESIS
    seal, (older, last) = seal_of(connection), keyed_after(connection)
    end = 0
    rows = connection.execute(select(entries).order_by(entries.c.seq).execution_options(yield_per=2000))
    for number, row in enumerate(rows, 1):
        found += _faults_of(row._asdict(), previous, number, seal if number > older else None)
        previous, end = row.hash, number
        if number == older and row.hash != last:
            found.append(f"the {older} entries that are older than the key are not those that it was made for")
    if end < older:
        found.append(f"of the {older} entries that are older than the key {older - end} are missing")
    return found


def _faults_of(row: dict[str, Any], previous: str, number: int, seal: Seal | None) -> list[str]:
    name = f"entry {row['seq']}"
    found = []
    if row["seq"] != number:
        found.append(f"{name} stands at place {number}: an entry is missing or was added")
    if row["previous"] != previous:
        found.append(f"{name} does not follow the entry before it")
    if linked(row["previous"], row["body"], seal) != row["hash"]:
        return [*found, f"{name}: its hash is not that of its content"]
    body = json.loads(row["body"])
    columns = ("seq", "kind", "ds", "unit_id", "by", "at", "bulk_id", "key")
    return found + [f"{name}: column {column} was changed" for column in columns if row[column] != body.get(column)]
