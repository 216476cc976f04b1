"""Which covers wait for whom: filters, order and pages over indexed columns.

Order is traffic at stake, most first, or the time since when a cover waits, oldest first. A page starts behind the
last row of the one before it (a keyset, not an offset), so the thousandth page costs what the first does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, tuple_, update

from generation.review.log.answers.case_state import VOTES
from generation.review.log.database import Database
from generation.review.log.schema import REWARDS, TITLES, candidates, cases, entries, title_words, undone
from generation.review.log.sealing.chain import stamp

Order = Literal["stake", "oldest"]
Tab = Literal["pending", "assigned", "mine", "doubtful", "sampled", "done", "auto", "disputed", "all"]
TABS: tuple[Tab, ...] = ("pending", "assigned", "mine", "doubtful", "sampled", "done", "auto", "disputed", "all")
OPEN: tuple[Tab, ...] = ("pending", "assigned", "sampled", "auto", "disputed")
"""Where covers wait for a person, or could."""
EVERY_NIGHT = "all"
"""Stands for the night where a queue shows all of them."""
NOBODY = "-"
"""Stands for the person where covers are meant that are nobody's."""
COUNT_LIMIT = 10_000
FEW_ITEMS = 300
"""Up to so many items a title search names them one by one."""
MANY_ITEMS = 3000
"""Over so many items it asks cover by cover."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What a queue shows."""

    ds: str
    tab: Tab = "pending"
    segment_id: str | None = None
    category: str | None = None
    method: str | None = None
    reason: str | None = None
    reviewer: str | None = None
    verdict: str | None = None
    title: str | None = None
    what: str | None = None
    """``titles`` for written titles; None for covers."""
    at_least: dict[str, float] = field(default_factory=dict)
    """Lower bounds of rewards by name."""
    at_most: dict[str, float] = field(default_factory=dict)
    assigned: str | None = None
    """Whose work it is; :data:`NOBODY` for nobody's."""
    came_before: str | None = None
    """Only what waits longer than since then, which leaves out what nobody has to decide."""
    order: Order = "stake"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A row's place in the order; the next page starts behind it."""

    stake: float
    case_id: int
    came_at: str = ""

    def text(self) -> str:
        """As it stands in a link."""
        came = f"~{self.came_at.replace('+00:00', 'Z')}" if self.came_at else ""
        return f"{self.stake!r}~{self.case_id}{came}"

    @classmethod
    def parse(cls, text: str | None) -> "Place | None":
        """The place that a link names; None for the start, and for what is none."""
        found = re.fullmatch(r"([0-9.e+-]{1,30})~([0-9]{1,18})(?:~([0-9T:.-]{1,31})Z)?", text or "")
        came = f"{found[3]}+00:00" if found and found[3] else ""
        try:
            return cls(stake=float(found[1]), case_id=int(found[2]), came_at=came) if found else None
        except ValueError:
            return None


def words_of(title: str) -> list[str]:
    """Words of a title, folded; what a search looks for.

    Examples
    --------
    >>> words_of("Pizza, Margherita!")
    ['pizza', 'margherita']
    """
    return [word[:100] for word in dict.fromkeys(re.findall(r"\w+", title.casefold()))]


def page(
    connection: Connection, asked: Filter, *, me: str, after: Place | None = None, limit: int = 48
) -> list[Row[Any]]:
    """The next rows of ``cases``, in order.

    Parameters
    ----------
    connection
        A connection.
    asked
        The filter.
    me
        Whose ``mine``; covers of which this person gave the first of two answers are left out of what is open.
    after
        Where the last page ended.
    limit
        Rows.
    """
    query = ordered(select(cases.c.id).where(*conditions(connection, asked, me)), asked, after)
    return rows_of(connection, connection.execute(query.limit(limit)).scalars().all())


def ordered(query: Select[Any], asked: Filter, after: Place | None) -> Select[Any]:
    """A question about cases in the filter's order, behind a place."""
    if asked.order == "oldest":
        if after is not None:
            query = query.where(tuple_(cases.c.came_at, cases.c.id) > tuple_(after.came_at, after.case_id))
        return query.order_by(cases.c.came_at, cases.c.id)
    if after is not None:
        query = query.where(tuple_(cases.c.stake, cases.c.id) < tuple_(after.stake, after.case_id))
    return query.order_by(cases.c.stake.desc(), cases.c.id.desc())


def rows_of(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """Cases by id, in the order of the ids."""
    found = {row.id: row for row in connection.execute(select(cases).where(cases.c.id.in_(ids)))} if ids else {}
    return [found[number] for number in ids if number in found]


def count(connection: Connection, asked: Filter, *, me: str, limit: int = COUNT_LIMIT) -> int:
    """How many covers the filter finds, up to ``limit + 1``."""
    inner = select(cases.c.id).where(*conditions(connection, asked, me)).limit(limit + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(inner)).scalar_one())


def conditions(connection: Connection, asked: Filter, me: str) -> list[ColumnElement[bool]]:
    """The filter as SQL."""
    found: list[ColumnElement[bool]] = [*_of_night(asked.ds), of_kind(asked.what), *_of_tab(asked, me)]
    equal = {
        cases.c.segment_id: asked.segment_id,
        cases.c.category: asked.category,
        cases.c.method: asked.method,
        cases.c.reason: asked.reason,
        cases.c.verdict: asked.verdict,
    }
    found += [column == value for column, value in equal.items() if value]
    found += [cases.c[name] >= value for name, value in asked.at_least.items() if name in REWARDS]
    found += [cases.c[name] <= value for name, value in asked.at_most.items() if name in REWARDS]
    if asked.assigned:
        nobody = asked.assigned == NOBODY
        found.append(cases.c.assigned_to.is_(None) if nobody else cases.c.assigned_to == asked.assigned)
    if asked.came_before:
        found += [cases.c.came_at < asked.came_before, cases.c.queue.in_(("pending", "disputed"))]
    if asked.reviewer:
        found.append(_decided_by(asked.ds, asked.reviewer))
    if asked.title:
        found.append(_titled(connection, asked.title))
    return found


def of_kind(what: str | None) -> ColumnElement[bool]:
    """Titles, or covers."""
    return cases.c.method == TITLES if what == TITLES else cases.c.method != TITLES


def _of_night(ds: str) -> list[ColumnElement[bool]]:
    return [] if ds == EVERY_NIGHT else [cases.c.ds == ds]


def _of_tab(asked: Filter, me: str) -> list[ColumnElement[bool]]:
    tab = asked.tab
    if tab == "all":
        return []
    if tab == "mine":
        return [_decided_by(asked.ds, me)]
    if tab == "doubtful":
        return [cases.c.doubtful == 1]
    mine = [cases.c.assigned_to == me, cases.c.verdict.is_(None)]
    waits = mine if tab == "assigned" else [cases.c.queue == tab]
    return [*waits, or_(cases.c.first_voter.is_(None), cases.c.first_voter != me)] if tab in OPEN else waits


def _decided_by(ds: str, name: str) -> ColumnElement[bool]:
    """Covers about which a person's decision stands, alone or with somebody else's."""
    gone = select(undone.c.seq).where(undone.c.seq == entries.c.seq).exists()
    votes = select(entries.c.unit_id).where(entries.c.by == name, entries.c.kind.in_((*VOTES, "takedown")), ~gone)
    if ds == EVERY_NIGHT:
        return tuple_(cases.c.ds, cases.c.unit_id).in_(votes.with_only_columns(entries.c.ds, entries.c.unit_id))
    return cases.c.unit_id.in_(votes.where(entries.c.ds == ds))


def _titled(connection: Connection, words: str) -> ColumnElement[bool]:
    """Items whose title has a word that starts with each of the words."""
    wanted = words_of(words)
    if not wanted:
        return cases.c.id < 0
    parts = [and_(title_words.c.word >= word, title_words.c.word < word + "\U0010ffff") for word in wanted]
    items = select(title_words.c.item_id).where(parts[0]).distinct()
    for part in parts[1:]:
        items = items.where(title_words.c.item_id.in_(select(title_words.c.item_id).where(part)))
    few = connection.execute(items.limit(MANY_ITEMS + 1)).scalars().all()
    if len(few) <= MANY_ITEMS:
        return cases.c.item_id.in_(few if len(few) <= FEW_ITEMS else items.scalar_subquery())
    # A common word: the next covers in order are soon found by asking each for its words. A count is a question
    # that PostgreSQL does not turn into a join of everything.
    own = [select(func.count()).where(title_words.c.item_id == cases.c.item_id, part) for part in parts]
    return and_(*(each.scalar_subquery() > 0 for each in own))


def take(
    database: Database, asked: Filter, *, me: str, now: datetime, minutes: float, after: Place | None, limit: int
) -> list[Row[Any]]:
    """The next covers of a queue for one reviewer; nobody else is shown them until the lease ends.

    Covers that are on somebody else's screen are passed over, and those that are assigned to somebody else, unless the
    filter asks for that person's.
    """
    moment, until = stamp(now), stamp(now + timedelta(minutes=minutes))
    free = [or_(cases.c.lease_by.is_(None), cases.c.lease_by == me, cases.c.lease_until < moment)]
    if not asked.assigned:
        free.append(or_(cases.c.assigned_to.is_(None), cases.c.assigned_to == me))
    with database.writing() as connection:
        query = ordered(select(cases.c.id).where(*conditions(connection, asked, me), *free), asked, after)
        ids = connection.execute(query.limit(limit)).scalars().all()
        if ids:
            held = update(cases).where(cases.c.id.in_(ids)).values(lease_by=me, lease_until=until)
            connection.execute(held)
        return rows_of(connection, ids)


def candidates_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Candidates by case, in their order."""
    found: dict[int, list[Row[Any]]] = {number: [] for number in ids}
    if ids:
        query = (
            select(candidates).where(candidates.c.case_id.in_(ids)).order_by(candidates.c.case_id, candidates.c.number)
        )
        for row in connection.execute(query):
            found[row.case_id].append(row)
    return found
