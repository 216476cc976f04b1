"""Reviewing without a server: the offline file, and reading its decisions back."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from conf.errors import Refused
from generation.review.log.queue import EVERY_NIGHT
from generation.review.offline import offline_file
from generation.review.web.pages.common import filter_of, render
from generation.review.web.security import Reviewer, now_of, upload_of

router = APIRouter()


@router.get("/offline")
def page(request: Request, visitor: Reviewer) -> HTMLResponse:
    """Where files are handed out and taken back."""
    return render(request, "offline_page.html.j2", visitor, tab="offline", report=None, ds=filter_of(request).ds)


@router.get("/export")
def export(request: Request, visitor: Reviewer) -> Response:
    """One HTML file with the covers of a filter."""
    state = request.app.state
    asked = filter_of(request)
    if asked.ds == EVERY_NIGHT:
        raise Refused("A file holds covers of one night: choose it in the filter.")
    page = offline_file.export(
        state.database, state.ctx.images, asked, settings=state.settings, by=visitor.name, now=now_of(request)
    )
    headers = {"Content-Disposition": f'attachment; filename="covers-{offline_file.safe_name(asked.ds)}.html"'}
    return Response(page, media_type="text/html", headers=headers)


@router.post("/import")
async def read_back(request: Request, visitor: Reviewer) -> HTMLResponse:
    """Check a file of decisions and add them to the log."""
    state = request.app.state
    data = await upload_of(request, "decisions")

    def work() -> offline_file.Report:
        return offline_file.read_back(
            state.database,
            data,
            settings=state.settings,
            by=visitor.name,
            lead=visitor.may("lead"),
            now=now_of(request),
        )

    report = await run_in_threadpool(work)
    return await run_in_threadpool(
        render, request, "offline_page.html.j2", visitor, tab="offline", report=report, ds=report.ds
    )
