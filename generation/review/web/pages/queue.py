"""The queue: tabs, filters, and covers as a grid from which many can be decided at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from conf.policy import PolicySettings
from generation.review.log import queue
from generation.review.log.load import facts_of
from generation.review.log.queue import TABS, Place
from generation.review.log.schema import REWARDS
from generation.review.web.pages.common import fields_of, filter_of, nights_of, place_of, query_of, render, standings
from generation.review.web.security import Viewer

router = APIRouter()
PAGE = 48
TAB_WORDS = {
    "pending": ("Pending", "Covers that nobody has decided and the policy leaves to people."),
    "sampled": ("Sampled", "A share of what the policy approved by itself, for people to check."),
    "doubtful": ("Doubtful", "People disagree with each other or with the policy."),
    "disputed": ("Disputed", "Two people disagree; a lead settles it."),
    "mine": ("Mine", "What you decided."),
    "auto": ("By policy", "What the policy decided alone; you can still overrule it."),
    "done": ("Done", "What people decided."),
    "all": ("All", "Every cover of the night."),
}


@router.get("/")
def start() -> Response:
    """The queue is the start page."""
    return RedirectResponse("/queue", 303)


@router.get("/queue")
def show(request: Request, visitor: Viewer, after: Annotated[str | None, Query()] = None) -> HTMLResponse:
    """A page of a queue."""
    asked = filter_of(request)
    with request.app.state.database.reading() as connection:
        rows = queue.page(connection, asked, me=visitor.name, after=Place.parse(after), limit=PAGE + 1)
        facts: dict[str, Any] = facts_of(connection, asked.ds)
        nights = nights_of(connection)
        feed = standings(request, connection, rows)
    more = rows[PAGE - 1] if len(rows) > PAGE else None
    people = [row.name for row in request.app.state.accounts.all()]
    return render(
        request,
        "queue.html.j2",
        visitor,
        asked=asked,
        tab=asked.tab,
        tabs=[(name, *TAB_WORDS[name], query_of(asked, tab=name)) for name in TAB_WORDS if name in TABS],
        rows=rows[:PAGE],
        feed=feed,
        limit=float(facts.get("max_nsfw", PolicySettings().max_nsfw)),
        more=f"/queue?{query_of(asked)}&after={place_of(more)}" if more is not None else None,
        first=after is None,
        query=query_of(asked),
        fields=fields_of(asked),
        nights=nights,
        choices={
            "segment_id": facts.get("segment_id", []),
            "category": facts.get("category", []),
            "method": facts.get("method", []),
            "reason": [*request.app.state.settings.reasons, *facts.get("rules", [])],
            "reviewer": people,
            "verdict": ["approve", "reject", "takedown"],
        },
        rewards=REWARDS,
        filtered=bool(
            asked.at_least
            or asked.at_most
            or any(
                (
                    asked.segment_id,
                    asked.category,
                    asked.method,
                    asked.reason,
                    asked.reviewer,
                    asked.verdict,
                    asked.title,
                )
            )
        ),
    )


@router.get("/api/count")
def count(request: Request, visitor: Viewer) -> dict[str, Any]:
    """How many covers a filter finds, up to a limit; asked for after the page is there."""
    asked = filter_of(request)
    with request.app.state.database.reading() as connection:
        found = queue.count(connection, asked, me=visitor.name)
    return {"count": min(found, queue.COUNT_LIMIT), "more": found > queue.COUNT_LIMIT}
