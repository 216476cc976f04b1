"""What the feed shows of a night, and what the next publish changes about it."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from generation.review.log.decisions import chunks, limit_of
from generation.review.log.queue import of_kind
from generation.review.log.schema import TITLES, candidates, cases
from jobs.lake.lake import Lake
from jobs.lake.schema.review import OVER_LIMIT

Change = Literal["stays", "comes", "goes", "swaps", "none"]
WHOLE = 20_000
WORDS: dict[Change, str] = {
    "stays": "live",
    "comes": "goes live with the next publish",
    "goes": "live, goes off with the next publish",
    "swaps": "live, another candidate takes its place with the next publish",
    "none": "not in the feed",
}


@dataclass(frozen=True, kw_only=True)
class InFeed:
    """Where a cover stands."""

    change: Change
    words: str


class Published:
    """Covers and titles of a night that the feed shows, by unit; read again when a publish wrote them.

    Parameters
    ----------
    lake
        Has published_covers, and published_titles where titles are written.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._turn = threading.Lock()
        self._read: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}

    def of(self, ds: str, what: str | None = None) -> dict[str, str]:
        """unit_id -> cover_id, or hash of a text where ``what`` is :data:`TITLES`; empty before the first publish."""
        table, read = ("published_titles", self._titles) if what == TITLES else ("published_covers", self._covers)
        with self._turn:
            version = self.lake.version(table)
            if version < 0:
                return {}
            if self._read.get((ds, table), (-1, {}))[0] != version:
                self._read[ds, table] = (version, read(ds))
            return self._read[ds, table][1]

    def _covers(self, ds: str) -> dict[str, str]:
        found = self.lake.read("published_covers", ds=ds, columns=["unit_id", "cover_id"]).to_pylist()
        return {row["unit_id"]: row["cover_id"] for row in found}

    def _titles(self, ds: str) -> dict[str, str]:
        place = ["item_id", "group_id"]
        written = self.lake.read("generated_titles", ds=ds, columns=[*place, "unit_id"]).to_pylist()
        units = {(row["item_id"], row["group_id"]): row["unit_id"] for row in written}
        found = self.lake.read("published_titles", ds=ds, columns=[*place, "text_hash"]).to_pylist()
        return {units[row["item_id"], row["group_id"]]: row["text_hash"] for row in found}


def in_feed(connection: Connection, rows: Iterable[Row[Any]], live: Mapping[str, str]) -> dict[int, InFeed]:
    """Where each of the rows of ``cases`` stands, by id; they are of one night.

    The next publish shows a unit's cover that people approved, else the selected one that the policy approved, and
    of several units of one item and segment the best by score. While the second of two answers is awaited, only
    what is live is said, so that the first answer stays unknown.
    """
    chosen = list(rows)
    if not chosen:
        return {}
    limit = limit_of(connection, chosen[0].ds)
    best = _best(connection, chosen[0].ds, {row.item_id for row in chosen}, limit)
    return {row.id: _standing(row, live.get(row.unit_id), best, limit) for row in chosen}


def waiting(connection: Connection, ds: str, live: Mapping[str, str], what: str | None = None) -> dict[str, int]:
    """How many covers (titles, where ``what`` says so) are live, and how many come or leave with the next publish.

    In a night of more than :data:`WHOLE` units only what people decided is looked at.

    Returns
    -------
    dict
        ``live``, ``comes``, ``goes``.
    """
    chosen = select(cases).where(cases.c.ds == ds, of_kind(what))
    touched = connection.execute(chosen.limit(WHOLE + 1)).all()
    if len(touched) > WHOLE:
        touched = connection.execute(chosen.where(cases.c.last_entry > 0)).all()
    changes = [each.change for each in in_feed(connection, touched, live).values()]
    return {
        "live": len(live),
        "comes": sum(change in ("comes", "swaps") for change in changes),
        "goes": sum(change in ("goes", "swaps") for change in changes),
    }


def wanted(row: Row[Any], limit: float, nsfw: float | None) -> str | None:
    """The cover of a unit that may go out; None where none may.

    Parameters
    ----------
    row
        Of ``cases``.
    limit, nsfw
        The night's safety limit, and the safety score of ``row.cover_id``; None where it is not measured yet.
    """
    if row.verdict is None:
        settled = row.queue != "disputed" and row.policy_decision == "approve"
        safe = row.method == TITLES or (row.nsfw is not None and row.nsfw <= limit)
        return str(row.selected_cover_id) if settled and safe else None
    knowing = str(row.reason or "").startswith(OVER_LIMIT)
    return str(row.cover_id) if row.verdict == "approve" and (nsfw is None or nsfw <= limit or knowing) else None


def _standing(row: Row[Any], live: str | None, best: Mapping[tuple[str, str], tuple[str, str]], limit: float) -> InFeed:
    if row.first_voter is not None and row.verdict is None:
        words = "live" if live else "not in the feed"
        return InFeed(change="stays" if live else "none", words=f"{words}, until two people have decided")
    unit, cover = best.get((row.item_id, row.segment_id), ("", ""))
    next_one = cover if unit == row.unit_id else None
    change: Change = "none"
    if live:
        change = "goes" if next_one is None else "stays" if next_one == live else "swaps"
    elif next_one:
        change = "comes"
    words = WORDS[change]
    if change == "none" and row.verdict == "approve":
        words = "another cover of the item goes out" if unit else f"not in the feed: over the safety limit of {limit:g}"
    return InFeed(change=change, words=words)


def _best(connection: Connection, ds: str, items: set[str], limit: float) -> dict[tuple[str, str], tuple[str, str]]:
    """Unit and cover that would go out, by item and segment."""
    names = ("id", "unit_id", "item_id", "segment_id", "method", "verdict", "queue", "policy_decision",
             "selected_cover_id", "cover_id", "reason", "nsfw", "score")  # fmt: skip
    columns = [cases.c[name] for name in names]
    rows: list[Row[Any]] = []
    listed = sorted(items)
    for part in chunks(listed):
        rows += connection.execute(select(*columns).where(cases.c.ds == ds, cases.c.item_id.in_(part))).all()
    figures = _picked(connection, [row for row in rows if row.verdict == "approve"])
    found: dict[tuple[str, str], tuple[float, str, str]] = {}
    for row in rows:
        nsfw, score = figures.get(row.id, (row.nsfw, row.score))
        cover = wanted(row, limit, nsfw)
        if cover is None:
            continue
        place, mine = (row.item_id, row.segment_id), (-(score or 0.0), row.unit_id, cover)
        found[place] = min(found.get(place, mine), mine)
    return {place: (unit, cover) for place, (_, unit, cover) in found.items()}


def _picked(connection: Connection, rows: list[Row[Any]]) -> dict[int, tuple[float | None, float]]:
    """Safety and score of candidates that people chose instead of the selected ones, by case."""
    other = {row.id: row.cover_id for row in rows if row.cover_id != row.selected_cover_id}
    found: dict[int, tuple[float | None, float]] = {}
    numbers = sorted(other)
    for part in chunks(numbers):
        query = select(candidates).where(candidates.c.case_id.in_(part))
        for row in connection.execute(query):
            if other[row.case_id] == row.cover_id:
                rewards = json.loads(row.rewards)
                found[row.case_id] = (rewards.get("nsfw"), rewards.get("score") or 0.0)
    return found
