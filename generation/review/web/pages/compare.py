"""Several covers side by side: all segments and candidates of an item, or any covers that were chosen."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import ColumnElement, select

from conf.errors import Refused, Unknown
from generation.review.log.schema import TITLES, cases
from generation.review.web.accounts import Visitor
from generation.review.web.pages.common import cards, render
from generation.review.web.security import Number, Viewer

router = APIRouter()
MOST = 60
"""Covers on one page."""


@router.get("/item/{case_id}")
def item(request: Request, visitor: Viewer, case_id: Number) -> HTMLResponse:
    """All covers of the item that a cover belongs to, of its night, most traffic first."""
    with request.app.state.database.reading() as connection:
        row = connection.execute(select(cases.c.ds, cases.c.item_id).where(cases.c.id == case_id)).first()
    if row is None:
        raise Unknown("There is no such cover at this desk.")
    found = _cards(request, visitor, (cases.c.ds == row.ds) & (cases.c.item_id == row.item_id))
    title = found[0]["row"].title or row.item_id
    return _page(request, visitor, found, heading=title, of_item=True)


@router.get("/compare")
def compare(request: Request, visitor: Viewer, ids: Annotated[str, Query(max_length=2000)] = "") -> HTMLResponse:
    """The covers that were chosen."""
    try:
        numbers = [min(max(0, int(part)), 2**53) for part in ids.split(",") if part][:MOST]
    except ValueError as error:
        raise Refused("The selection cannot be read.") from error
    found = _cards(request, visitor, cases.c.id.in_(numbers))
    if not found:
        raise Unknown("None of these covers is at this desk.")
    return _page(request, visitor, found, heading=f"{len(found)} covers", of_item=False)


def _cards(request: Request, visitor: Visitor, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    with request.app.state.database.reading() as connection:
        query = (
            select(cases)
            .where(which, cases.c.method != TITLES)
            .order_by(cases.c.stake.desc(), cases.c.id.desc())
            .limit(MOST)
        )
        return cards(request, connection, list(connection.execute(query).all()), visitor)


def _page(
    request: Request, visitor: Visitor, found: list[dict[str, Any]], *, heading: str, of_item: bool
) -> HTMLResponse:
    return render(request, "compare.html.j2", visitor, cards=found, heading=heading, of_item=of_item, tab="all")
