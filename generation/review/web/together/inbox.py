"""What waits for one person: comments that mention them, and covers that are theirs to decide."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from generation.review.log.talk import comments
from generation.review.log.together import assignments
from generation.review.web.pages.common import render
from generation.review.web.security import Number, Viewer, now_of

router = APIRouter()


class Seen(BaseModel):
    """What the browser sends when comments were on the screen."""

    model_config = ConfigDict(extra="forbid")

    case: Number


@router.get("/inbox")
def show(request: Request, visitor: Viewer) -> HTMLResponse:
    """The page."""
    with request.app.state.database.reading() as connection:
        found = comments.inbox(connection, visitor.name)
        work = assignments.waiting_for(connection, visitor.name)
    return render(request, "inbox.html.j2", visitor, mentions=found, work=work, tab="inbox")


@router.get("/api/inbox")
def counts(request: Request, visitor: Viewer) -> dict[str, int]:
    """How much of it there is; every page asks now and then."""
    with request.app.state.database.reading() as connection:
        work = assignments.waiting_for(connection, visitor.name)
        return {"unread": comments.unread(connection, visitor.name), "assigned": sum(work.values())}


@router.post("/api/seen")
def seen(request: Request, visitor: Viewer, what: Seen) -> dict[str, Any]:
    """The comments on a cover were on this person's screen."""
    with request.app.state.database.writing() as connection:
        return {"seen": comments.seen(connection, visitor.name, now_of(request), what.case)}


@router.post("/inbox/seen")
def all_seen(request: Request, visitor: Viewer) -> Response:
    """Everything was seen."""
    with request.app.state.database.writing() as connection:
        comments.seen(connection, visitor.name, now_of(request))
    return RedirectResponse("/inbox", 303)
