"""The focus view: one cover at a time, the next ones already there."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from generation.review.log import queue
from generation.review.log.queue import OPEN, Filter, Place
from generation.review.log.schema import TITLES
from generation.review.web.accounts import Visitor
from generation.review.web.pages.common import card_of, card_template, cards, filter_of, query_of, render
from generation.review.web.security import Number, Viewer, now_of

router = APIRouter()
AHEAD = 4
"""Covers that are loaded at once."""


@router.get("/focus")
def show(request: Request, visitor: Viewer) -> HTMLResponse:
    """The page; its first covers are in it."""
    asked = filter_of(request)
    return render(
        request,
        "focus.html.j2",
        visitor,
        asked=asked,
        tab=asked.tab,
        query=query_of(asked),
        cards=_next(request, visitor, asked, None, AHEAD),
        template_of=card_template,
        single=False,
    )


@router.get("/case/{case_id}")
def one(request: Request, visitor: Viewer, case_id: Number) -> HTMLResponse:
    """One cover, as a link to it opens it."""
    found = _one(request, visitor, case_id)
    titles = TITLES if found["row"].method == TITLES else None
    asked = Filter(ds=found["row"].ds, tab="all", what=titles)
    return render(
        request,
        "focus.html.j2",
        visitor,
        asked=asked,
        tab="all",
        query=query_of(asked),
        cards=[found],
        template_of=card_template,
        single=True,
    )


@router.get("/api/cards")
def more(
    request: Request,
    visitor: Viewer,
    after: Annotated[str | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=12)] = AHEAD,
) -> dict[str, Any]:
    """The next covers of a filter, as pieces of the page."""
    found = _next(request, visitor, filter_of(request), Place.parse(after), limit)
    return {"cards": [_piece(request, visitor, card) for card in found]}


@router.get("/api/cards/{case_id}")
def again(request: Request, visitor: Viewer, case_id: Number) -> dict[str, Any]:
    """One cover as it is now."""
    return _piece(request, visitor, _one(request, visitor, case_id))


def _next(request: Request, visitor: Visitor, asked: Filter, after: Place | None, limit: int) -> list[dict[str, Any]]:
    database = request.app.state.database
    if visitor.may("reviewer") and asked.tab in OPEN:
        minutes = request.app.state.settings.lease_minutes
        rows = queue.take(
            database, asked, me=visitor.name, now=now_of(request), minutes=minutes, after=after, limit=limit
        )
        with database.reading() as connection:
            return cards(request, connection, rows, visitor)
    with database.reading() as connection:
        return cards(
            request, connection, queue.page(connection, asked, me=visitor.name, after=after, limit=limit), visitor
        )


def _one(request: Request, visitor: Visitor, case_id: int) -> dict[str, Any]:
    with request.app.state.database.reading() as connection:
        return card_of(request, connection, case_id, visitor)


def _piece(request: Request, visitor: Visitor, card: dict[str, Any]) -> dict[str, Any]:
    template = request.app.state.pages.get_template(card_template(card))
    return {"id": card["row"].id, "place": card["place"], "html": template.render(card=card, visitor=visitor)}
