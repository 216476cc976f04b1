"""Bulk steps: preview with the count, confirm, undo."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from conf.errors import Refused
from generation.review.log import decisions
from generation.review.web import bulk
from generation.review.web.pages.common import filter_of, query_of, render
from generation.review.web.security import Form, Lead, now_of

router = APIRouter(prefix="/bulk")
SHOWN = 60


@router.post("/preview")
def preview(request: Request, visitor: Lead, form: Form) -> HTMLResponse:
    """What a step would decide: the covers selected by hand, or all that the filter finds."""
    asked = filter_of(request, form)
    try:
        picked = [max(0, min(int(part), 2**53)) for part in form.get("ids", "").split(",") if part][:5000]
    except ValueError as error:
        raise Refused("The selection cannot be read.") from error
    state = request.app.state
    shown = bulk.preview(
        state.database,
        picked or asked,
        kind=form.get("kind", ""),
        reason=form.get("reason_given"),
        reasons=state.settings.reasons,
        me=visitor.name,
        limit=state.settings.bulk_limit,
        now=now_of(request),
    )
    return render(
        request,
        "bulk.html.j2",
        visitor,
        preview=shown,
        shown=shown.rows[:SHOWN],
        query=query_of(asked),
        by_hand=bool(picked),
    )


@router.post("/apply")
def apply(request: Request, visitor: Lead, form: Form) -> HTMLResponse:
    """Decide what was previewed."""
    done = bulk.apply(request.app.state.database, form.get("token", ""), me=visitor.name, now=now_of(request))
    return render(request, "bulk_done.html.j2", visitor, done=done, undone=None, query=form.get("back", ""))


@router.post("/undo")
def undo(request: Request, visitor: Lead, form: Form) -> HTMLResponse:
    """Take a whole step back."""
    bulk_id = form.get("bulk") or None
    if bulk_id is None:
        raise Refused("Which step is to be undone?")
    entry = decisions.undo(request.app.state.database, visitor.name, now_of(request), bulk_id=bulk_id, lead=True)
    return render(
        request, "bulk_done.html.j2", visitor, done=None, undone=len(entry.undoes), query=form.get("back", "")
    )
