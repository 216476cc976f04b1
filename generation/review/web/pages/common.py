"""What pages share: rendering, reading filters from links, and preparing a cover for a template."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, Row, select

from conf.policy import PolicySettings
from generation.review.log.decisions import rewards_of
from generation.review.log.live import InFeed, in_feed
from generation.review.log.load import facts_of, known_nights
from generation.review.log.queue import TABS, Filter, Place, candidates_of
from generation.review.log.schema import REWARDS, entries
from generation.review.log.sealing import chain
from generation.review.web.accounts import Visitor

TEXTS = ("segment_id", "category", "method", "reason", "reviewer", "verdict", "title")
REWARD_WORDS = {
    "personal": "Expected clicks of this segment",
    "relevance": "Fits the item",
    "aesthetic": "Looks good",
    "nsfw": "Not safe for work",
    "score": "Overall",
}


def render(request: Request, name: str, visitor: Visitor | None, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page from its template."""
    values = {"visitor": visitor, "tab": None, **values}
    return HTMLResponse(request.app.state.pages.get_template(name).render(values), status)


def filter_of(request: Request, given: Mapping[str, str] | None = None) -> Filter:
    """The filter that a link or form names; what is no filter is passed over."""
    raw = dict(given if given is not None else request.query_params)
    bounds: dict[str, dict[str, float]] = {"min": {}, "max": {}}
    for name in REWARDS:
        for side, found in bounds.items():
            value = _number(raw.get(f"{side}_{name}"))
            if value is not None:
                found[name] = value
    tab = raw.get("tab")
    return Filter(
        ds=(raw.get("ds") or request.app.state.watch.newest.isoformat())[:10],
        tab=tab if tab in TABS else "pending",
        at_least=bounds["min"],
        at_most=bounds["max"],
        **{name: (raw.get(name) or "").replace("\x00", "")[:200] or None for name in TEXTS},
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def query_of(asked: Filter, **changes: str | None) -> str:
    """The filter as the query of a link.

    Examples
    --------
    >>> query_of(Filter(ds="2026-03-29", title="fox"), tab="done")
    'ds=2026-03-29&tab=done&title=fox'
    """
    flat = asdict(asked)
    flat |= {f"min_{name}": value for name, value in flat.pop("at_least").items()}
    flat |= {f"max_{name}": value for name, value in flat.pop("at_most").items()}
    return urlencode({name: value for name, value in {**flat, **changes}.items() if value not in (None, "")})


def fields_of(asked: Filter, **changes: str | None) -> list[tuple[str, str]]:
    """The filter as hidden fields of a form: the same as in its link.

    Examples
    --------
    >>> fields_of(Filter(ds="2026-03-29", verdict="reject"))
    [('ds', '2026-03-29'), ('tab', 'pending'), ('verdict', 'reject')]
    """
    return parse_qsl(query_of(asked, **changes))


def place_of(row: Row[Any]) -> str:
    """Where the page that starts behind this row starts."""
    return Place(stake=row.stake, case_id=row.id).text()


def nights_of(connection: Connection) -> list[str]:
    """Nights the page can show."""
    return known_nights(connection)


def standings(request: Request, connection: Connection, rows: list[Row[Any]]) -> dict[int, InFeed]:
    """Where covers stand in the feed, by case."""
    published = request.app.state.published
    found: dict[int, InFeed] = {}
    for ds in {row.ds for row in rows}:
        found |= in_feed(connection, [row for row in rows if row.ds == ds], published.of(ds))
    return found


def cards(request: Request, connection: Connection, rows: list[Row[Any]], visitor: Visitor) -> list[dict[str, Any]]:
    """Covers as the template of the focus view wants them."""
    feed = standings(request, connection, rows)
    pictures = candidates_of(connection, [row.id for row in rows])
    facts = {ds: facts_of(connection, ds) for ds in {row.ds for row in rows}}
    return [{**_card(connection, row, pictures[row.id], facts[row.ds], visitor), "feed": feed[row.id]} for row in rows]


def _card(
    connection: Connection, row: Row[Any], pictures: list[Row[Any]], facts: dict[str, Any], visitor: Visitor
) -> dict[str, Any]:
    scales = facts.get("scales", {})
    chosen = next((each for each in pictures if each.cover_id == row.cover_id), pictures[0])
    limit = float(facts.get("max_nsfw", PolicySettings().max_nsfw))
    figures = {each.cover_id: rewards_of(each.rewards) for each in pictures}
    over = {cover: known["nsfw"] for cover, known in figures.items() if known.get("nsfw", 0.0) > limit}
    rewards = [
        {
            "name": name,
            "words": REWARD_WORDS.get(name, name),
            "value": value,
            "over": name == "nsfw" and value > limit,
            **_standing(scales.get(name), value),
        }
        for name, value in figures[chosen.cover_id].items()
    ]
    return {
        "row": row,
        "limit": limit,
        "over": over.get(chosen.cover_id),
        "candidates": [
            {
                "number": place + 1,
                "cover_id": each.cover_id,
                "seed": each.seed,
                "chosen": each is chosen,
                "over": over.get(each.cover_id),
            }
            for place, each in enumerate(pictures)
        ],
        "rewards": sorted(rewards, key=lambda each: (not each["over"], each["name"])),
        "seed": chosen.seed,
        "segment": facts.get("segments", {}).get(row.segment_id),
        "run": facts.get("runs", {}).get("generate", ""),
        "history": [] if row.doubled and row.verdict is None and row.queue != "disputed" else _history(connection, row),
        "place": place_of(row),
        "mine": row.first_voter == visitor.name,
    }


def _standing(scale: list[float] | None, value: float) -> dict[str, Any]:
    """A reward's place among the night's: share of covers below it, and the ends of the scale."""
    if not scale:
        return {"below": None, "low": None, "high": None}
    below = sum(step < value for step in scale) / len(scale)
    return {"below": round(100 * below), "low": scale[0], "high": scale[-1]}


def _history(connection: Connection, row: Row[Any]) -> list[chain.Entry]:
    query = select(entries.c.body).where(entries.c.ds == row.ds, entries.c.unit_id == row.unit_id)
    return [chain.parsed(body) for body in connection.execute(query.order_by(entries.c.seq.desc()).limit(20)).scalars()]
