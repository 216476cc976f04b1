"""Assigning covers to people."""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from generation.review.log.together import assignments
from generation.review.web.pages.common import filter_of
from generation.review.web.security import Number, Reviewer, Viewer, now_of

router = APIRouter()


class Work(BaseModel):
    """What the browser sends to assign covers."""

    model_config = ConfigDict(extra="forbid")

    cases: list[Number] = Field(default=[], max_length=5000)
    filter: str | None = Field(default=None, max_length=2000)
    """Instead of covers: the query of the queue that shows them."""
    to: str = Field(max_length=200)
    """A person; empty takes the covers from whoever has them."""
    key: str = Field(min_length=8, max_length=80)


@router.post("/api/assign")
def assign(request: Request, visitor: Reviewer, work: Work) -> dict[str, Any]:
    """Give covers to a person; answered when it is written."""
    state = request.app.state
    asked = work.cases if work.filter is None else filter_of(request, dict(parse_qsl(work.filter)))
    number = assignments.assign(
        state.database,
        asked,
        to=work.to.strip() or None,
        by=visitor.name,
        lead=visitor.may("lead"),
        limit=state.settings.bulk_limit,
        now=now_of(request),
        key=work.key,
    )
    return {"assigned": number, "to": work.to}


@router.get("/api/people")
def people(request: Request, visitor: Viewer) -> dict[str, list[str]]:
    """Names of those who may be mentioned, and of those who may be given covers."""
    known = [row for row in request.app.state.accounts.all() if not row.disabled]
    return {
        "names": [row.name for row in known],
        "deciders": [row.name for row in known if row.role in ("reviewer", "lead")],
    }
