"""Blind comparisons: two covers of one item, sides at random, without a word about where they come from.

The page gets a random token; which picture is which stays in the database until the answer is in.
"""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from conf.errors import Refused, Unknown
from generation.review.log.database import Database
from generation.review.log.load import share_of
from generation.review.log.schema import cases, pairs
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry

ORIGINAL = "original"
CHOICES = ("left", "right", "tie")
TRIED = 400
"""Covers that are looked through for the next pair."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A pair as the page shows it."""

    token: str
    title: str
    left: str
    right: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, unblinded: what a contest is counted from."""

    by: str
    unit_id: str
    first_arm: str
    second_arm: str
    choice: str
    """``first``, ``second`` or ``tie``."""
    first_was_left: bool


def contests(methods: Sequence[str]) -> list[str]:
    """What can be compared in a night: every method with the original, and each two methods.

    Examples
    --------
    >>> contests(["icg", "profile"])
    ['original:icg', 'original:profile', 'icg:profile']
    """
    ordered = sorted(methods)
    between = [f"{one}:{other}" for place, one in enumerate(ordered) for other in ordered[place + 1 :]]
    return [f"{ORIGINAL}:{method}" for method in ordered] + between


def next_pair(database: Database, *, ds: str, contest: str, me: str, chance: random.Random) -> Shown | None:
    """The next pair this person has not judged; None when there is none left.

    A pair that was shown and not answered is shown again, on the same sides.
    """
    first_arm, _, second_arm = contest.partition(":")
    with database.writing() as connection:
        mine = (pairs.c.ds == ds, pairs.c.contest == contest, pairs.c.by == me)
        waiting = connection.execute(select(pairs).where(*mine, pairs.c.choice.is_(None)).limit(1)).first()
        if waiting is not None:
            return _shown(connection, waiting._mapping)
        seen = set(connection.execute(select(pairs.c.unit_id).where(*mine)).scalars())
        found = _unseen(connection, ds, first_arm, second_arm, seen)
        if found is None:
            return None
        row = {
            "token": secrets.token_urlsafe(24),
            "ds": ds,
            "contest": contest,
            "first_arm": first_arm,
            "second_arm": second_arm,
            "first_is_left": int(chance.random() < 0.5),
            "by": me,
            "choice": None,
            **found,
        }
        connection.execute(insert(pairs), [row])
        return _shown(connection, row)


def _unseen(connection: Connection, ds: str, first: str, second: str, seen: set[str]) -> dict[str, Any] | None:
    """A unit of the second arm with its counterpart, in an order that has nothing to do with how good it is."""
    query = select(cases).where(cases.c.ds == ds, cases.c.method == second, cases.c.reference_cover_id != "")
    rows = connection.execute(query.order_by(cases.c.unit_id).limit(TRIED + len(seen))).all()
    for row in sorted(rows, key=lambda each: share_of(each.unit_id, "blind")):
        if row.unit_id in seen or row.verdict == "takedown":
            continue
        other = row.reference_cover_id if first == ORIGINAL else _rival(connection, row, first)
        if other and other != row.cover_id:
            return {"unit_id": row.unit_id, "first_cover": other, "second_cover": row.cover_id}
    return None


def _rival(connection: Connection, row: Any, method: str) -> str | None:
    query = select(cases.c.cover_id).where(
        cases.c.ds == row.ds,
        cases.c.item_id == row.item_id,
        cases.c.segment_id == row.segment_id,
        cases.c.method == method,
    )
    return connection.execute(query.limit(1)).scalar()


def _shown(connection: Connection, row: Any) -> Shown:
    query = select(cases.c.title).where(cases.c.ds == row["ds"], cases.c.unit_id == row["unit_id"])
    sides = (row["first_cover"], row["second_cover"])
    left, right = sides if row["first_is_left"] else sides[::-1]
    return Shown(token=row["token"], title=connection.execute(query).scalar() or "", left=left, right=right)


def vote(database: Database, *, token: str, choice: str, me: str, now: datetime) -> Entry:
    """Answer a pair, once.

    Raises
    ------
    Refused
        When the choice is none, or the pair was answered.
    Unknown
        When this person was shown no such pair.
    """
    if choice not in CHOICES:
        raise Refused(f"An answer is one of {', '.join(CHOICES)}.")
    with database.writing() as connection:
        row = connection.execute(select(pairs).where(pairs.c.token == token, pairs.c.by == me)).first()
        if row is None:
            raise Unknown("There is no such pair.")
        if row.choice is not None:
            raise Refused("This pair was answered before.")
        meant = choice if choice == "tie" else "first" if (choice == "left") == bool(row.first_is_left) else "second"
        connection.execute(update(pairs).where(pairs.c.token == token).values(choice=meant))
        more = {
            "contest": row.contest,
            "choice": meant,
            "left": row.first_cover if row.first_is_left else row.second_cover,
            "right": row.second_cover if row.first_is_left else row.first_cover,
        }
        entry = Entry(kind="ab", ds=row.ds, by=me, unit_id=row.unit_id, more=more, key=f"ab-{token}")
        return chain.append(connection, [entry], now)[0]


def answers(connection: Connection, ds: str) -> dict[str, list[Answer]]:
    """Answers of a night by contest."""
    found: dict[str, list[Answer]] = {}
    query = select(pairs).where(pairs.c.ds == ds, pairs.c.choice.is_not(None)).order_by(pairs.c.token)
    for row in connection.execute(query):
        answer = Answer(
            by=row.by,
            unit_id=row.unit_id,
            first_arm=row.first_arm,
            second_arm=row.second_arm,
            choice=row.choice,
            first_was_left=bool(row.first_is_left),
        )
        found.setdefault(row.contest, []).append(answer)
    return found
