"""The page with figures of reviewers and of the policy's rules, for leads."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from generation.review.log.sealing.chain import stamp
from generation.review.web.pages.common import render
from generation.review.web.security import Lead, now_of
from generation.review.web.together import throughput

router = APIRouter()
PERIODS = (7, 28, 90)
"""Days that the page offers."""


@router.get("/reviewers")
def show(request: Request, visitor: Lead, days: Annotated[int, Query(ge=1, le=3650)] = 28) -> HTMLResponse:
    """Figures of the last days."""
    state = request.app.state
    since = stamp(now_of(request) - timedelta(days=days))
    with state.database.reading() as connection:
        people = throughput.reviewers(connection, since, state.settings.lease_minutes * 60)
        rules = throughput.rules(connection, since)
    return render(
        request, "reviewers.html.j2", visitor, people=people, rules=rules, days=days, periods=PERIODS, tab="results"
    )
