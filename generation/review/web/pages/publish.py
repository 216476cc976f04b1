"""What the feed shows, what the next publish changes, and starting it."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from conf.errors import Refused
from generation.review.log.live import waiting
from generation.review.web.pages.common import filter_of
from generation.review.web.security import Form, Lead, Viewer, now_of

router = APIRouter()


@router.get("/api/feed")
def feed(request: Request, visitor: Viewer) -> dict[str, Any]:
    """Counts of a night's covers or titles that are live, come and go; asked for after the page is there."""
    state, asked = request.app.state, filter_of(request)
    live = state.published.of(asked.ds, asked.what)
    with state.database.reading() as connection:
        found = waiting(connection, asked.ds, live, asked.what)
    return {**found, "busy": state.publisher.busy, "said": state.publisher.said}


@router.post("/publish")
def publish(request: Request, visitor: Lead, form: Form) -> Response:
    """Bring people's decisions into the lake and publish; the page goes on meanwhile."""
    publisher = request.app.state.publisher
    if not publisher.offered:
        raise Refused("This desk does not publish: run `coverlift review-sync`, then `coverlift publish`.")
    try:
        day = date.fromisoformat(form.get("ds", ""))
    except ValueError as error:
        raise Refused("Which night is to be published?") from error
    if not publisher.start(day, visitor.name, now_of(request)):
        raise Refused("A publish is running already; wait for it.")
    return RedirectResponse(f"/queue?ds={day}", 303)
