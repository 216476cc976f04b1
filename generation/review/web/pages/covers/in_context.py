"""The page that shows a cover in context."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from generation.review.web.in_context.audience import audience_of
from generation.review.web.in_context.click_rates import click_rates
from generation.review.web.in_context.neighbours import page_beside
from generation.review.web.pages.common import card_of, render
from generation.review.web.security import Number, Viewer
from jobs.lake.lake import Lake

router = APIRouter()
DEVICES = (("phone", "Phone"), ("tablet", "Tablet"), ("desktop", "Desktop"))
TABLES = ("impressions", "user_segments", "items", "covers")
"""Without these the lake cannot say how a cover looks in the feed."""


@router.get("/context/{case_id}")
def in_context(
    request: Request, visitor: Viewer, case_id: Number, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> HTMLResponse:
    """A cover in the feed, what it was clicked, and which rule of the policy spoke."""
    state = request.app.state
    with state.database.reading() as connection:
        card = card_of(request, connection, case_id, visitor)
    found = _in_feed(state.ctx.lake, card, page)
    return render(request, "context.html.j2", visitor, card=card, devices=DEVICES, tab="all", **found)


def _in_feed(lake: Lake, card: dict[str, Any], number: int) -> dict[str, Any]:
    """What the lake says about the cover's place in the feed; nothing where it has no log."""
    row = card["row"]
    if not all(lake.exists(name) for name in TABLES):
        return {"feed": None, "rates": None, "audience": None, "titles": {}}
    audience = audience_of(lake, row.ds, row.segment_id)
    about = {"item_id": row.item_id, "segment_id": row.segment_id, "cover_id": row.cover_id, "audience": audience}
    return {
        "feed": page_beside(lake, ds=row.ds, number=number, **about),
        "rates": click_rates(lake, original_id=row.reference_cover_id, **about),
        "audience": audience,
        "titles": titles_of(lake, row.item_id),
    }


def titles_of(lake: Lake, item_id: str) -> dict[str, str]:
    """The item's short names by language; empty where it was given in none."""
    found = lake.read("items", columns=["labels"], filters=[("item_id", "==", item_id)])["labels"].to_pylist()
    return dict(found[0] or ()) if found else {}
