"""Bulk steps: preview with the count, page by page, confirm, and the list from which each can be undone."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from conf.errors import Refused, Unknown
from generation.review.log import decisions
from generation.review.log.load_titles import texts_of
from generation.review.log.schema import TITLES
from generation.review.web import bulk
from generation.review.web.bulk_steps import steps
from generation.review.web.pages.common import filter_of, query_of, render, standings
from generation.review.web.security import Form, Lead, now_of

router = APIRouter(prefix="/bulk")
PAGE = 60


@router.get("")
def listed(request: Request, visitor: Lead) -> HTMLResponse:
    """The steps that were done."""
    with request.app.state.database.reading() as connection:
        found = steps(connection)
    return render(request, "bulk_steps.html.j2", visitor, steps=found, tab="bulk")


@router.post("/preview")
def preview(request: Request, visitor: Lead, form: Form) -> Response:
    """What a step would decide: the covers selected by hand, or all that the filter finds."""
    asked = filter_of(request, form)
    try:
        picked = [max(0, min(int(part), 2**53)) for part in form.get("ids", "").split(",") if part][:5000]
    except ValueError as error:
        raise Refused("The selection cannot be read.") from error
    state = request.app.state
    found = bulk.preview(
        state.database,
        picked or asked,
        kind=form.get("kind", ""),
        reason=form.get("reason_given"),
        reasons=state.settings.reasons,
        me=visitor.name,
        limit=state.settings.bulk_limit,
        now=now_of(request),
    )
    about = {
        "back": query_of(asked),
        "by_hand": int(bool(picked)),
        "more": int(found.more),
        "over": found.over_limit,
        "two": found.for_two,
    }
    return RedirectResponse(f"/bulk/preview/{found.token}?{urlencode(about)}", 303)


@router.get("/preview/{token}")
def previewed(
    request: Request,
    visitor: Lead,
    token: str,
    back: Annotated[str, Query(max_length=2000)] = "",
    by_hand: bool = False,
    more: bool = False,
    over: Annotated[int, Query(ge=0, le=2**31)] = 0,
    two: Annotated[int, Query(ge=0, le=2**31)] = 0,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """One page of what a step would decide."""
    database = request.app.state.database
    found = bulk.shown(database, token, me=visitor.name, page=page, size=PAGE)
    with database.reading() as connection:
        feed = standings(request, connection, list(found.rows))
        written = texts_of(connection, [row.cover_id for row in found.rows if row.method == TITLES])
    about = {"back": back, "by_hand": int(by_hand), "more": int(more), "over": over, "two": two}
    pages = [(number, f"/bulk/preview/{token}?{urlencode({**about, 'page': number})}") for number in _near(page, found)]
    return render(
        request,
        "bulk.html.j2",
        visitor,
        preview=found,
        token=token,
        feed=feed,
        written=written,
        first=(page - 1) * PAGE + 1,
        page=page,
        pages=pages,
        query=back,
        by_hand=by_hand,
        more=more,
        over=over,
        two=two,
        typed=found.count > bulk.TYPED_OVER,
    )


def _near(page: int, found: bulk.Shown) -> list[int]:
    """Numbers of pages to link: the first, the last and those around this one."""
    return sorted({1, found.pages, *(each for each in range(page - 3, page + 4) if 1 <= each <= found.pages)})


@router.post("/apply")
def apply(request: Request, visitor: Lead, form: Form) -> HTMLResponse:
    """Decide what was previewed."""
    done = bulk.apply(
        request.app.state.database,
        form.get("token", ""),
        me=visitor.name,
        now=now_of(request),
        typed=form.get("count"),
    )
    return render(request, "bulk_done.html.j2", visitor, done=done, undone=None, query=form.get("back", ""))


@router.get("/undo/{bulk_id}")
def ask_undo(request: Request, visitor: Lead, bulk_id: str) -> HTMLResponse:
    """Whether a step is to be taken back."""
    with request.app.state.database.reading() as connection:
        found = steps(connection, bulk_id)
    if not found:
        raise Unknown("There is no such bulk step.")
    return render(request, "bulk_undo.html.j2", visitor, step=found[0], tab="bulk")


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
