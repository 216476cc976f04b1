"""What stands beside a cover in the feed.

A page of the log that showed the item to the cover's audience, of the newest day up to the night that has one, at most
:data:`LOOK_BACK` days back. Each item on it has the cover that the night published for the segment, else its default
one, and the item itself has the cover in question. An item that the audience was not shown stands in the middle of a
page that it was shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generation.review.web.in_context.audience import Audience
from jobs.lake.lake import Lake

LOOK_BACK = 7
"""Days of the log that are searched, the night's own included."""
FEW_USERS = 50
"""People whose pages are looked through where none showed the item."""
FEW_PAGES = 20
"""Pages that are offered then."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place on a page."""

    position: int
    item_id: str
    title: str
    """The words that were shown there, whole."""
    category: str
    cover_id: str
    """Empty where the lake knows no cover of the item."""
    own: bool
    """Whether it is the cover in question."""
    published: bool
    """Whether the night published this cover; else it is the default one."""


@dataclass(frozen=True, kw_only=True)
class FeedPage:
    """A page as the audience would see it after the night."""

    day: str
    at: datetime
    number: int
    """Which of the pages there are, from 1; the newest is the first."""
    of: int
    showed: bool
    """Whether it showed the item; else the item was put into it."""
    slots: tuple[Slot, ...]


def page_beside(
    lake: Lake, *, ds: str, item_id: str, segment_id: str, cover_id: str, audience: Audience, number: int = 1
) -> FeedPage | None:
    """The page that is asked for, or the nearest there is; None where the log has none.

    Parameters
    ----------
    lake
        Has impressions, items, covers and published_covers.
    ds
        The night.
    item_id, segment_id, cover_id
        The cover in question.
    audience
        Whose pages.
    number
        Which page, from 1.
    """
    days = sorted((day for day in lake.partitions("impressions") if day <= ds), reverse=True)[:LOOK_BACK]
    day, requests = _showing(lake, days, item_id, audience)
    showed = bool(requests)
    if not showed:
        day, requests = _any_pages(lake, days, audience)
    if not requests:
        return None
    number = min(max(number, 1), len(requests))
    at, request = requests[number - 1]
    columns = ["position", "item_id", "title"]
    rows = lake.read("impressions", ds=day, columns=columns, filters=[("request_id", "==", request)]).to_pylist()
    rows.sort(key=lambda row: row["position"])
    if not showed:
        rows = put_in(rows, item_id)
    slots = _slots(lake, rows, ds=ds, item_id=item_id, segment_id=segment_id, cover_id=cover_id)
    return FeedPage(day=day, at=at, number=number, of=len(requests), showed=showed, slots=slots)


def put_in(rows: Sequence[dict[str, Any]], item_id: str) -> list[dict[str, Any]]:
    """The rows of a page with the item in its middle; the last one gives way.

    Examples
    --------
    >>> [row["item_id"] for row in put_in([{"item_id": name} for name in "abcd"], "x")]
    ['a', 'b', 'x', 'c']
    """
    middle = len(rows) // 2
    moved = [*rows[:middle], {"item_id": item_id, "title": None}, *rows[middle:-1]]
    return [{**row, "position": place} for place, row in enumerate(moved, 1)]


def _showing(
    lake: Lake, days: Iterable[str], item_id: str, audience: Audience
) -> tuple[str, list[tuple[datetime, str]]]:
    """The newest day with pages that showed the item to the audience, and those pages, the newest first."""
    for day in days:
        columns = ["request_id", "user_id", "ts"]
        rows = lake.read("impressions", ds=day, columns=columns, filters=[("item_id", "==", item_id)]).to_pylist()
        found = {(row["ts"], row["request_id"]) for row in rows if _is_among(row["user_id"], audience)}
        if found:
            return day, sorted(found, reverse=True)
    return "", []


def _any_pages(lake: Lake, days: Sequence[str], audience: Audience) -> tuple[str, list[tuple[datetime, str]]]:
    """Pages of the newest day that some of the audience were shown, the newest first."""
    few = sorted(audience.users)[:FEW_USERS] if audience.users is not None else None
    if few == []:
        return "", []
    chosen = [("user_id", "in", few)] if few else None
    for day in days:
        rows = lake.read("impressions", ds=day, columns=["request_id", "ts"], filters=chosen)
        newest = rows.sort_by([("ts", "descending"), ("request_id", "descending")]).slice(0, 100 * FEW_PAGES)
        begun = {row["request_id"]: row["ts"] for row in newest.to_pylist()}
        if begun:
            return day, sorted(((at, request) for request, at in begun.items()), reverse=True)[:FEW_PAGES]
    return "", []


def _is_among(user_id: str, audience: Audience) -> bool:
    return audience.users is None or user_id in audience.users


def _slots(
    lake: Lake, rows: Sequence[dict[str, Any]], *, ds: str, item_id: str, segment_id: str, cover_id: str
) -> tuple[Slot, ...]:
    names = sorted({row["item_id"] for row in rows})
    known = lake.read("items", columns=["item_id", "title", "category"], filters=[("item_id", "in", names)])
    items = {row["item_id"]: row for row in known.to_pylist()}
    published, default = _published(lake, ds, segment_id, names), _defaults(lake, names)
    slots = []
    for row in rows:
        name = row["item_id"]
        about, own = items.get(name, {"title": name, "category": ""}), row["item_id"] == item_id
        cover = cover_id if own else published.get(name) or default.get(name, "")
        slots.append(
            Slot(
                position=row["position"],
                item_id=name,
                title=row["title"] or about["title"],
                category=about["category"],
                cover_id=cover,
                own=own,
                published=published.get(name) == cover,
            )
        )
    return tuple(slots)


def _published(lake: Lake, ds: str, segment_id: str, items: Sequence[str]) -> dict[str, str]:
    """item_id -> cover that the night published for the segment."""
    if not lake.exists("published_covers"):
        return {}
    chosen = [("segment_id", "==", segment_id), ("item_id", "in", items)]
    rows = lake.read("published_covers", ds=ds, columns=["item_id", "cover_id"], filters=chosen).to_pylist()
    return {row["item_id"]: row["cover_id"] for row in rows}


def _defaults(lake: Lake, items: Sequence[str]) -> dict[str, str]:
    """item_id -> the cover that the feed shows where nothing else was decided."""
    chosen = [("item_id", "in", items), ("is_default", "==", True)]
    rows = lake.read("covers", columns=["item_id", "cover_id"], filters=chosen).to_pylist()
    return {row["item_id"]: row["cover_id"] for row in rows}
