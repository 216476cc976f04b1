"""Browsers on their way to the provider: each comes back once, with the cookie that it left with."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from generation.review.log.database import Database
from generation.review.log.schema import provider_visits
from generation.review.log.sealing.chain import stamp
from generation.review.web.oidc.provider import NotProven, Visit

MINUTES = 15


def keep(database: Database, visit: Visit, browser: str, now: datetime, links: str | None = None) -> None:
    """Remember a visit of a browser; those that never came back are forgotten."""
    row: dict[str, str | None] = {"state": _digest(visit.state), "browser": _digest(browser), "nonce": visit.nonce}
    row |= {"verifier": visit.verifier, "links": links, "at": stamp(now)}
    with database.writing() as connection:
        oldest = stamp(now - timedelta(minutes=MINUTES))
        connection.execute(delete(provider_visits).where(provider_visits.c.at < oldest))
        connection.execute(insert(provider_visits), [row])


def back(database: Database, state: str, browser: str, now: datetime) -> tuple[Visit, str | None]:
    """The visit that ends, which is then over, and the account that it was to connect.

    Raises
    ------
    NotProven
        When this browser did not leave with that state, came back before, or took too long.
    """
    mine = (provider_visits.c.state == _digest(state), provider_visits.c.browser == _digest(browser))
    with database.writing() as connection:
        row = connection.execute(select(provider_visits).where(*mine)).first()
        if row is None or row.at < stamp(now - timedelta(minutes=MINUTES)):
            raise NotProven("This sign-in was not begun in this browser, or is over; sign in again.")
        connection.execute(delete(provider_visits).where(*mine))
    return Visit(state=state, nonce=row.nonce, verifier=row.verifier), row.links


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
