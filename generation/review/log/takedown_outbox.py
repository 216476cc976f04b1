"""Takedowns on their way from the desk's log to the lake."""

import logging
import threading
from collections.abc import Callable
from datetime import date, datetime

from sqlalchemy import select, update

from generation.review.log import audit
from generation.review.log.database import Database
from generation.review.log.schema import entries, takedowns
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import stamp

TakeDown = Callable[[str, str, str, date], str]
"""Cover, reason, by whom, night -> what happened."""
logger = logging.getLogger(__name__)
_ONE_AT_A_TIME = threading.Lock()


def open_takedowns(database: Database) -> list[int]:
    """Takedowns of the log that the lake has not yet."""
    with database.reading() as connection:
        query = select(takedowns.c.seq).where(takedowns.c.done_at.is_(None)).order_by(takedowns.c.seq)
        return list(connection.execute(query).scalars())


def carry_out(database: Database, take_down: TakeDown, seq: int, now: datetime) -> bool:
    """Bring one takedown into the lake; returns whether it is there.

    What fails stays open: the server's next start tries again, and ``review-sync`` writes the decision itself.
    """
    with _ONE_AT_A_TIME:
        with database.reading() as connection:
            row = connection.execute(select(entries.c.body, entries.c.hash).where(entries.c.seq == seq)).one()
        entry = chain.parsed(row.body, row.hash)
        try:
            outcome, done = (
                take_down(entry.cover_id or "", entry.reason or "", f"person:{entry.by}", date.fromisoformat(entry.ds)),
                True,
            )
        except Exception as error:
            logger.exception("takedown %s", seq)
            outcome, done = f"{type(error).__name__}: {error}"[:500], False
        with database.writing() as connection:
            values = {"outcome": outcome, "done_at": stamp(now) if done else None}
            connection.execute(update(takedowns).where(takedowns.c.seq == seq).values(values))
        audit.note(
            database, who=entry.by, address="", action="takedown in the lake", about=f"{entry.cover_id}: {outcome}",
            outcome="done" if done else "failed", now=now,
        )  # fmt: skip
        return done


def carry_out_all(database: Database, take_down: TakeDown, now: datetime) -> int:
    """Bring every open takedown into the lake; returns how many remain open."""
    return sum(not carry_out(database, take_down, seq, now) for seq in open_takedowns(database))
