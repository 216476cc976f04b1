"""Covers that look like one, and the covers of a stack, as pieces of a page."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, Row, select

from conf.errors import Refused, Unknown
from conf.policy import PolicySettings
from generation.review.log.load import facts_of
from generation.review.log.queue import rows_of
from generation.review.log.schema import cases
from generation.review.web.pages.common import standings
from generation.review.web.security import Number, Viewer

router = APIRouter()
MOST_OPENED = 200
"""Covers of a stack that are shown when it is opened."""


@router.get("/api/similar/{case_id}")
def similar(request: Request, visitor: Viewer, case_id: Number, same_item: bool = False) -> HTMLResponse:
    """Covers of the night that look like this one, of other items or, where that is asked, of any."""
    state = request.app.state
    with state.database.reading() as connection:
        row = next(iter(rows_of(connection, [case_id])), None)
        if row is None:
            raise Unknown("There is no such cover at this desk.")
        owners = _owners(connection, row, same_item=same_item)
        found = state.lookalikes.near(row.cover_id, owners)
        near = state.near_duplicates.of(connection, row.ds).get(row.cover_id, frozenset())
        rows = {each.id: each for each in rows_of(connection, [case for name, _ in found for case in owners[name]])}
    alike = [(cosine, name in near, rows[case]) for name, cosine in found for case in owners[name]]
    page = state.pages.get_template("similar.html.j2")
    return HTMLResponse(page.render(row=row, found=alike, same_item=same_item, visitor=visitor))


def _owners(connection: Connection, row: Row[Any], *, same_item: bool) -> dict[str, list[int]]:
    """Cases of the night by the cover that they show, without the one that is asked about."""
    query = select(cases.c.cover_id, cases.c.id).where(cases.c.ds == row.ds, cases.c.id != row.id)
    found: dict[str, list[int]] = {}
    for other in connection.execute(query if same_item else query.where(cases.c.item_id != row.item_id)):
        found.setdefault(other.cover_id, []).append(other.id)
    return found


@router.get("/api/stack")
def stack(request: Request, visitor: Viewer, ids: Annotated[str, Query(max_length=4000)]) -> HTMLResponse:
    """Covers of an opened stack as tiles of the queue."""
    try:
        numbers = [min(max(0, int(part)), 2**53) for part in ids.split(",") if part][:MOST_OPENED]
    except ValueError as error:
        raise Refused("The stack cannot be read.") from error
    state = request.app.state
    with state.database.reading() as connection:
        rows = rows_of(connection, numbers)
        feed = standings(request, connection, rows)
        facts = facts_of(connection, rows[0].ds) if rows else {}
    limit = float(facts.get("max_nsfw", PolicySettings().max_nsfw))
    page = state.pages.get_template("stack.html.j2")
    return HTMLResponse(page.render(rows=rows, feed=feed, limit=limit))
