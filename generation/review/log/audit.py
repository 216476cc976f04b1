"""The audit log: what people did and were refused. Decisions themselves are in the chained log."""

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from generation.review.log.database import Database
from generation.review.log.schema import audit
from generation.review.log.sealing import audit_chain, chain


def note(
    database: Database, *, who: str, address: str, action: str, about: object = "", outcome: str = "done", now: datetime
) -> None:
    """Add a line to the audit log.

    Parameters
    ----------
    database
        The desk's.
    who, address
        The person (empty before sign-in) and where from.
    action, about
        What, and of what.
    outcome
        ``done`` or ``refused``.
    now
        When, UTC.
    """
    with database.writing() as connection:
        audit_chain.write(connection, who=who, address=address, action=action, about=about, outcome=outcome, now=now)


def export(database: Database) -> Iterator[str]:
    """Everything that anybody did, as JSON lines: the audit log, then the chained log with its hashes."""
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=1000).execute(select(audit).order_by(audit.c.id)):
            yield json.dumps({"log": "audit", **row._asdict()}, ensure_ascii=False) + "\n"
        for entry in chain.read(connection):
            whole = {"log": "decisions", **json.loads(chain.canonical(entry)), "hash": entry.hash}
            yield json.dumps(whole, ensure_ascii=False) + "\n"


def recent(database: Database, limit: int = 200) -> list[dict[str, object]]:
    """The newest lines of the audit log."""
    with database.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))
        return [row._asdict() for row in rows]
