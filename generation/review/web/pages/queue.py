"""The queue: tabs, filters, and covers as a grid from which many can be decided at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from conf.policy import PolicySettings
from generation.review.log import queue
from generation.review.log.load import facts_of
from generation.review.log.load_titles import texts_of
from generation.review.log.queue import EVERY_NIGHT, TABS, Filter, Place
from generation.review.log.schema import REWARDS, TITLES
from generation.review.log.together.ageing import ages, overdue
from generation.review.web.alike.stacks import tiles
from generation.review.web.pages.common import fields_of, filter_of, nights_of, place_of, query_of, render, standings
from generation.review.web.security import Viewer, now_of

router = APIRouter()
PAGE = 48
KINDS = ((None, "Covers"), (TITLES, "Titles"))
TAB_WORDS = {
    "pending": ("Pending", "Covers that nobody has decided and the policy leaves to people."),
    "assigned": ("Assigned to me", "Covers that somebody gave to you and that you have not decided."),
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
def show(
    request: Request,
    visitor: Viewer,
    after: Annotated[str | None, Query()] = None,
    stacks: Annotated[str, Query(max_length=10)] = "on",
) -> HTMLResponse:
    """A page of a queue, its near-duplicates stacked."""
    asked, hours, now = filter_of(request), request.app.state.settings.overdue_hours, now_of(request)
    titles = asked.what == TITLES
    stackable = not titles and asked.order == "stake"
    with request.app.state.database.reading() as connection:
        late = overdue(connection, now, hours, asked.what)
        near = request.app.state.near_duplicates.of(connection, asked.ds) if stackable and stacks != "off" else {}
        found = tiles(connection, asked, near, me=visitor.name, after=Place.parse(after), limit=PAGE + 1)
        rows = [each.row for each in found]
        facts: dict[str, Any] = facts_of(connection, asked.ds)
        nights = nights_of(connection)
        feed = standings(request, connection, rows)
        written = texts_of(connection, [row.cover_id for row in rows]) if titles else {}
    more = rows[PAGE - 1] if len(rows) > PAGE else None
    people = [row.name for row in request.app.state.accounts.all()]
    return render(
        request,
        "queue.html.j2",
        visitor,
        asked=asked,
        tab=asked.tab,
        tabs=[(name, *TAB_WORDS[name], query_of(asked, tab=name)) for name in TAB_WORDS if name in TABS],
        stacks=found[:PAGE],
        stacking=stacks != "off",
        stackable=stackable,
        titles=titles,
        written=written,
        kinds=_kinds(asked) if "groups" in facts else [],
        feed=feed,
        ages=ages(rows, now, hours),
        late=late,
        late_link=f"/queue?{query_of(_late(late.before, asked.what))}" if late else None,
        limit=float(facts.get("max_nsfw", PolicySettings().max_nsfw)),
        more=f"/queue?{query_of(asked, stacks=stacks)}&after={place_of(more)}" if more is not None else None,
        first=after is None,
        query=query_of(asked),
        fields=fields_of(asked),
        nights=nights,
        choices={
            "segment_id": sorted(facts.get("groups", {})) if titles else facts.get("segment_id", []),
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
                    asked.assigned,
                    asked.came_before,
                )
            )
        ),
    )


def _kinds(asked: Filter) -> list[tuple[str, str, bool]]:
    """Words, query and whether it is here, of covers and of titles; a filter that only one of them has falls away."""
    own = {"segment_id": None, "method": None}
    return [(words, query_of(asked, what=what, **own), what == asked.what) for what, words in KINDS]


def _late(before: str, what: str | None) -> Filter:
    """Everything that is overdue, the oldest first."""
    return Filter(ds=EVERY_NIGHT, tab="all", came_before=before, order="oldest", what=what)


@router.get("/api/count")
def count(request: Request, visitor: Viewer) -> dict[str, Any]:
    """How many covers a filter finds, up to a limit; asked for after the page is there."""
    asked = filter_of(request)
    with request.app.state.database.reading() as connection:
        found = queue.count(connection, asked, me=visitor.name)
    return {"count": min(found, queue.COUNT_LIMIT), "more": found > queue.COUNT_LIMIT}
