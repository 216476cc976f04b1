"""Blind comparisons and agreement: the pages where answers are given, and where they are counted."""

import random
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from generation.review.log.answers.double_review import ratings
from generation.review.log.load import facts_of
from generation.review.log.queue import Filter, count
from generation.review.web import blind
from generation.review.web.accounts import Visitor
from generation.review.web.agreement import PairVote, krippendorff_alpha, paired_preference
from generation.review.web.pages.common import filter_of, render
from generation.review.web.security import Lead, Reviewer, now_of

router = APIRouter()


class Vote(BaseModel):
    """What the browser sends for a pair."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=64)
    choice: str = Field(max_length=10)


@router.get("/ab")
def show(request: Request, visitor: Reviewer, contest: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:
    """The next pair of a contest."""
    ds, offered = _offered(request)
    chosen = contest if contest in offered else (offered[0] if offered else "")
    pair = _pair(request, visitor, ds, chosen) if chosen else None
    return render(
        request, "ab.html.j2", visitor, pair=pair, contest=chosen, contests=list(enumerate(offered, 1)), ds=ds, tab="ab"
    )


@router.get("/api/ab")
def more(request: Request, visitor: Reviewer, contest: Annotated[str, Query(max_length=100)]) -> dict[str, Any]:
    """The next pair, for the page that is open."""
    ds, offered = _offered(request)
    pair = _pair(request, visitor, ds, contest) if contest in offered else None
    return {"pair": None if pair is None else vars(pair)}


@router.post("/api/ab")
def vote(request: Request, visitor: Reviewer, answer: Vote) -> dict[str, Any]:
    """Answer a pair."""
    entry = blind.vote(
        request.app.state.database, token=answer.token, choice=answer.choice, me=visitor.name, now=now_of(request)
    )
    return {"entry": entry.seq}


@router.get("/results")
def results(request: Request, visitor: Lead) -> HTMLResponse:
    """What the blind pairs and the double reviews come to, for leads: who votes should not know."""
    ds, _ = _offered(request)
    with request.app.state.database.reading() as connection:
        answers = blind.answers(connection, ds)
        double = ratings(connection, ds)
        disputed = count(connection, Filter(ds=ds, tab="disputed"), me=visitor.name)
    preferences = [
        (contest, preference, _left_share(votes))
        for contest, votes in sorted(answers.items())
        for preference in paired_preference([_pair_vote(each) for each in votes])
    ]
    alpha = krippendorff_alpha([list(given.values()) for given in double.values()])
    return render(
        request,
        "results.html.j2",
        visitor,
        ds=ds,
        tab="results",
        preferences=preferences,
        alpha=alpha,
        twice=sum(len(given) > 1 for given in double.values()),
        disputed=disputed,
    )


def _pair_vote(answer: blind.Answer) -> PairVote:
    return PairVote(unit=answer.unit_id, first=answer.first_arm, second=answer.second_arm, choice=answer.choice)  # type: ignore[arg-type]


def _left_share(votes: list[blind.Answer]) -> float | None:
    """Share of decided answers that went to the left side; far from a half, people follow the side."""
    decided = [vote for vote in votes if vote.choice != "tie"]
    return sum((vote.choice == "first") == vote.first_was_left for vote in decided) / len(decided) if decided else None


def _offered(request: Request) -> tuple[str, list[str]]:
    ds = filter_of(request).ds
    with request.app.state.database.reading() as connection:
        return ds, blind.contests(facts_of(connection, ds).get("method", []))


def _pair(request: Request, visitor: Visitor, ds: str, contest: str) -> blind.Shown | None:
    chance = random.SystemRandom()
    return blind.next_pair(request.app.state.database, ds=ds, contest=contest, me=visitor.name, chance=chance)
