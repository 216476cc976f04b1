"""What pages share: rendering, reading filters from links, and preparing a cover for a template."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, Row, select

from conf.errors import Unknown
from conf.policy import PolicySettings
from generation.review.log.decisions import rewards_of
from generation.review.log.live import InFeed, in_feed
from generation.review.log.load import facts_of, known_nights
from generation.review.log.load_titles import texts_of
from generation.review.log.queue import TABS, Filter, Place, candidates_of, rows_of
from generation.review.log.schema import REWARDS, TITLES, cases
from generation.review.log.talk.thread import thread_of
from generation.review.log.together.ageing import ages
from generation.review.web.accounts import Visitor
from generation.review.web.in_context.ruling import policy_of, ruling
from generation.review.web.security import now_of

TEXTS = ("segment_id", "category", "method", "reason", "reviewer", "verdict", "title", "assigned", "came_before")
BESIDE = 6
"""Covers that a title is shown with."""
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
    what = raw.get("what")
    return Filter(
        what=what if what == TITLES else None,
        ds=(raw.get("ds") or request.app.state.watch.newest.isoformat())[:10],
        tab=tab if tab in TABS else "pending",
        at_least=bounds["min"],
        at_most=bounds["max"],
        order="oldest" if raw.get("order") == "oldest" else "stake",
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
    flat["order"] = None if asked.order == "stake" else asked.order
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
    return Place(stake=row.stake, case_id=row.id, came_at=row.came_at or "").text()


def nights_of(connection: Connection) -> list[str]:
    """Nights the page can show."""
    return known_nights(connection)


def standings(request: Request, connection: Connection, rows: list[Row[Any]]) -> dict[int, InFeed]:
    """Where covers stand in the feed, by case."""
    published = request.app.state.published
    found: dict[int, InFeed] = {}
    for ds, what in {(row.ds, TITLES if row.method == TITLES else None) for row in rows}:
        some = [row for row in rows if row.ds == ds and (row.method == TITLES) == (what == TITLES)]
        found |= in_feed(connection, some, published.of(ds, what))
    return found


def cards(request: Request, connection: Connection, rows: list[Row[Any]], visitor: Visitor) -> list[dict[str, Any]]:
    """Covers as the template of the focus view wants them."""
    feed = standings(request, connection, rows)
    pictures = candidates_of(connection, [row.id for row in rows])
    facts = {ds: facts_of(connection, ds) for ds in {row.ds for row in rows}}
    waits = ages(rows, now_of(request), request.app.state.settings.overdue_hours)
    made = [
        {
            **_card(row, pictures[row.id], facts[row.ds], visitor),
            "feed": feed[row.id],
            "thread": thread_of(connection, row, visitor.name),
            "age": waits.get(row.id),
        }
        for row in rows
    ]
    for row, card in zip(rows, made, strict=True):
        if row.method == TITLES:
            card.update(_written(connection, row, pictures[row.id], facts[row.ds]))
    return made


def card_of(request: Request, connection: Connection, case_id: int, visitor: Visitor) -> dict[str, Any]:
    """One cover as the templates want it.

    Raises
    ------
    Unknown
        When there is no such cover.
    """
    rows = rows_of(connection, [case_id])
    if not rows:
        raise Unknown("There is no such cover at this desk.")
    return cards(request, connection, rows, visitor)[0]


def card_template(card: Mapping[str, Any]) -> str:
    """The template of a card: of a cover, or of a title."""
    return "title_card.html.j2" if "written" in card else "card.html.j2"


def _written(connection: Connection, row: Row[Any], choices: list[Row[Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Texts by hash, who reads them, and the covers that they will stand with: of the item, most traffic first."""
    query = (
        select(cases.c.cover_id, cases.c.segment_id, cases.c.id)
        .where(cases.c.ds == row.ds, cases.c.item_id == row.item_id, cases.c.method != TITLES)
        .where(cases.c.verdict.is_(None) | (cases.c.verdict == "approve"))
        .order_by(cases.c.stake.desc(), cases.c.id.desc())
    )
    return {
        "written": texts_of(connection, [each.cover_id for each in choices]),
        "group": facts.get("groups", {}).get(row.segment_id),
        "covers": connection.execute(query.limit(BESIDE)).all(),
    }


def _card(row: Row[Any], pictures: list[Row[Any]], facts: dict[str, Any], visitor: Visitor) -> dict[str, Any]:
    scales = facts.get("scales", {})
    chosen = next((each for each in pictures if each.cover_id == row.cover_id), pictures[0])
    limit = float(facts.get("max_nsfw", PolicySettings().max_nsfw))
    figures = {each.cover_id: rewards_of(each.rewards) for each in pictures}
    over = {cover: known["nsfw"] for cover, known in figures.items() if known.get("nsfw", 0.0) > limit}
    spoken = ruling(row.policy_decision, row.policy_reason, policy_of(facts), figures[chosen.cover_id])
    rewards = [
        {
            "name": name,
            "words": REWARD_WORDS.get(name, name),
            "value": value,
            "over": name == "nsfw" and value > limit,
            "spoken": spoken is not None and spoken.answer != "approve" and name in spoken.rewards,
            **_standing(scales.get(name), value),
        }
        for name, value in figures[chosen.cover_id].items()
    ]
    return {
        "row": row,
        "limit": limit,
        "ruling": spoken,
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
        "place": place_of(row),
        "mine": row.first_voter == visitor.name,
    }


def _standing(scale: list[float] | None, value: float) -> dict[str, Any]:
    """A reward's place among the night's: share of covers below it, and the ends of the scale."""
    if not scale:
        return {"below": None, "low": None, "high": None}
    below = sum(step < value for step in scale) / len(scale)
    return {"below": round(100 * below), "low": scale[0], "high": scale[-1]}
