"""Decisions on one cover: the answers to the focus view's keys."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse

from generation.review.log import decisions
from generation.review.log.schema import cases
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry
from generation.review.log.takedown_outbox import carry_out
from generation.review.web.security import Number, Reviewer, now_of

router = APIRouter()


class Wish(BaseModel):
    """What the browser sends for a decision."""

    model_config = ConfigDict(extra="forbid")

    case: Number
    kind: str = Field(max_length=20)
    seen: Number = 0
    cover: str | None = Field(default=None, max_length=64)
    reason: str | None = Field(default=None, max_length=chain.MAX_TEXT)
    note: str | None = Field(default=None, max_length=chain.MAX_TEXT)
    key: str = Field(min_length=8, max_length=80)


class Back(BaseModel):
    """What the browser sends to undo."""

    model_config = ConfigDict(extra="forbid")

    bulk: str | None = Field(default=None, max_length=64)
    """A bulk step; without it and without ``of`` the last decision, which is asked about where it was a bulk step."""
    of: str | None = Field(default=None, min_length=8, max_length=80)
    """Key of the decision to take back."""
    key: str | None = Field(default=None, min_length=8, max_length=80)


class Down(BaseModel):
    """What the browser sends to take a cover down."""

    model_config = ConfigDict(extra="forbid")

    case: Number
    cover: str = Field(max_length=64)
    reason: str = Field(max_length=chain.MAX_TEXT)
    key: str | None = Field(default=None, min_length=8, max_length=80)


@router.post("/api/decide")
def decide(request: Request, visitor: Reviewer, wish: Wish) -> dict[str, Any]:
    """Approve, reject, pick, skip or note; answered when it is written."""
    state = request.app.state
    wanted = decisions.Decision(
        case_id=wish.case,
        kind=wish.kind,
        by=visitor.name,
        seen=wish.seen,
        cover_id=wish.cover,
        reason=wish.reason,
        note=wish.note,
        key=wish.key,
        lead=visitor.may("lead"),
    )
    return _answer(decisions.decide(state.database, wanted, state.settings.reasons, now_of(request)))


@router.post("/api/undo")
def undo(request: Request, visitor: Reviewer, back: Back) -> dict[str, Any]:
    """Take back the last decision, or a bulk step; says which cover to show again."""
    database = request.app.state.database
    entry = decisions.undo(
        database,
        visitor.name,
        now_of(request),
        bulk_id=back.bulk,
        of=back.of,
        key=back.key,
        lead=visitor.may("lead"),
        ask_bulk=True,
    )
    with database.reading() as connection:
        query = select(cases.c.id).where(cases.c.ds == entry.ds, cases.c.unit_id == entry.unit_id)
        shown = connection.execute(query).scalar() if entry.unit_id else None
    return {**_answer(entry), "case": shown, "undone": len(entry.undoes)}


@router.post("/api/takedown")
def take_down(request: Request, visitor: Reviewer, down: Down) -> JSONResponse:
    """Take a cover down: written to the log at once, to the lake right after the answer."""
    state = request.app.state
    entry = decisions.take_down(
        state.database,
        case_id=down.case,
        cover_id=down.cover,
        by=visitor.name,
        reason=down.reason,
        key=down.key,
        now=now_of(request),
    )
    work = BackgroundTask(carry_out, state.database, state.lakeside.take_down, entry.seq, now_of(request))
    return JSONResponse(_answer(entry), background=work)


def _answer(entry: Entry) -> dict[str, Any]:
    return {"entry": entry.seq, "hash": entry.hash, "kind": entry.kind, "at": entry.at}
