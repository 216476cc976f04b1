"""The chain of the audit: what people did and were refused, and which nights and accounts the desk was given.

``hash = HMAC-SHA-256(key, previous hash, newline, line)`` where the line is the canonical JSON of :data:`LINE`.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from generation.review.log.schema import audit, log_key
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import clean
from generation.review.log.sealing.seal import Seal

MAX_OBJECT = 500
LINE = ("id", "at", "who", "address", "action", "object", "outcome", "after", "previous")
"""What a line's hash covers."""


def write(
    connection: Connection,
    *,
    who: str,
    action: str,
    about: object = "",
    address: str = "",
    outcome: str = "done",
    now: datetime,
) -> None:
    """Add a line in a transaction that no other writer overlaps; arguments as of ``audit.note``."""
    number, digest = head(connection)
    row: dict[str, Any] = {
        "id": number + 1,
        "at": chain.stamp(now),
        "who": (clean(who) or "")[:200],
        "address": (clean(address) or "")[:100],
        "action": (clean(action) or "")[:100],
        "object": (clean(str(about)) or "")[:MAX_OBJECT],
        "outcome": outcome,
        "after": chain.head(connection)[0],
        "previous": digest,
    }
    row["hash"] = linked(row, chain.seal_of(connection))
    connection.execute(insert(audit), [row])
    chain.wrote(connection, "audit", row["id"], row["hash"])


def head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last line; a line that is older than the key has none."""
    row = connection.execute(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)).first()
    return (row.id, row.hash or chain.GENESIS) if row else (0, chain.GENESIS)


def linked(row: dict[str, Any], seal: Seal) -> str:
    """Hash of a line behind another."""
    line = json.dumps([row[name] for name in LINE], separators=(",", ":"), ensure_ascii=False)
    return seal.mac("audit", f"{row['previous']}\n{line}")


def digest_before(connection: Connection, number: int) -> str:
    """SHA-256 of the lines up to one that are older than the key."""
    found = hashlib.sha256()
    names = LINE[: LINE.index("after")]
    query = select(*(audit.c[name] for name in names)).where(audit.c.id <= number).order_by(audit.c.id)
    for row in connection.execute(query.execution_options(yield_per=2000)):
        found.update(json.dumps(list(row), ensure_ascii=False).encode())
    return found.hexdigest()


def faults(connection: Connection) -> list[str]:
    """Everything in the audit log that is not as it was written, in words; empty when it holds."""
    body = connection.execute(select(log_key.c.body)).scalar()
    older, digest = json.loads(body)["audit"] if body else (0, "")
    found, previous, place, seal = [], chain.GENESIS, older, chain.seal_of(connection)
    if older and digest_before(connection, older) != digest:
        found.append(f"the {older} lines of the audit that are older than the key are not those that it was made for")
    query = select(audit).where(audit.c.id > older).order_by(audit.c.id)
    for row in connection.execute(query.execution_options(yield_per=2000)):
        place, name = place + 1, f"line {row.id} of the audit"
        if row.id != place or row.previous != previous:
            found.append(f"{name} does not follow the one before it: a line is missing or was added")
            place = row.id
        if row.hash != linked(row._asdict(), seal):
            found.append(f"{name}: its hash is not that of its content")
        previous = row.hash
    return found
