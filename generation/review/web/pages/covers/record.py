"""Downloads of what is known about a cover; each is noted in the audit log."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from conf.errors import CorruptImage
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import stamp
from generation.review.web.accounts import Visitor
from generation.review.web.pages.common import card_of
from generation.review.web.record.desk_side import Seen, from_desk
from generation.review.web.record.document import document
from generation.review.web.record.lake_side import life, origin
from generation.review.web.record.sections import Facts, Record
from generation.review.web.record.table import table
from generation.review.web.security import Number, Viewer, note_in_audit, now_of
from jobs.lake.images import ImageStore

router = APIRouter()


@router.get("/case/{case_id}/record.csv")
def as_csv(request: Request, visitor: Viewer, case_id: Number) -> Response:
    """A line a value."""
    return _sent(request, visitor, case_id, "csv", "text/csv; charset=utf-8", table)


@router.get("/case/{case_id}/record.pdf")
def as_pdf(request: Request, visitor: Viewer, case_id: Number) -> Response:
    """With the pictures."""
    fonts = request.app.state.settings.fonts

    def write(record: Record) -> bytes:
        return document(record, now=now_of(request), more_fonts=fonts)

    return _sent(request, visitor, case_id, "pdf", "application/pdf", write)


def _sent(
    request: Request, visitor: Visitor, case_id: int, kind: str, media: str, write: Callable[[Record], bytes]
) -> Response:
    state = request.app.state
    with state.database.reading() as connection:
        card = card_of(request, connection, case_id, visitor)
        sections = from_desk(connection, Seen(card=card, limit=card["limit"]))
        head = chain.head(connection)
    row = card["row"]
    about = f"{row.ds} {row.unit_id} {row.cover_id} as {kind}"
    note_in_audit(request, visitor.name, "export the record of a cover", about)
    record = Record(
        heading=row.title or row.item_id,
        original=_file(state.ctx.images, row.reference_cover_id),
        cover=_file(state.ctx.images, row.cover_id),
        sections=[
            *origin(state.ctx.lake, row),
            *sections,
            *life(state.ctx.lake, row),
            _made(request, visitor, head),
        ],
    )
    name = f"cover-{row.ds}-{row.unit_id[:12]}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(write(record), media_type=media, headers=headers)


def _file(images: ImageStore, sha: str) -> bytes | None:
    """The bytes of a picture; None where the store has none that is whole."""
    try:
        return images.get(sha) if sha else None
    except (FileNotFoundError, CorruptImage):
        return None


def _made(request: Request, visitor: Visitor, head: tuple[int, str, str]) -> Facts:
    facts: list[tuple[str, Any]] = [
        ("made at (UTC)", stamp(now_of(request))),
        ("made for", f"{visitor.name} ({visitor.role})"),
        ("last entry of the desk's log", f"{head[0]}, hash {head[1]}"),
        ("to be checked by", "coverlift review verify, at the desk that it comes from"),
    ]
    return Facts(title="This record", rows=facts)
