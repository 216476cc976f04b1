"""Pictures, style sheets and scripts; how a cover looks in the feed; covers that look alike."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from conf.errors import Unknown
from generation.review import pictures
from generation.review.log.queue import rows_of
from generation.review.log.schema import candidates, cases
from generation.review.web.pages.common import filter_of
from generation.review.web.security import Viewer

router = APIRouter()
STATIC = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "outbox.js": "text/javascript",
    "compare.js": "text/javascript",
    "grid.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""The files there are, with their types; nothing else is served by name."""
FOREVER = "private, max-age=31536000, immutable"


@router.get("/img/{sha}")
def image(request: Request, visitor: Viewer, sha: str) -> Response:
    """A picture by its hash; it never changes, so browsers may keep it."""
    data, kind = pictures.picture(request.app.state.ctx.images, sha)
    return Response(data, media_type=kind, headers={"Cache-Control": FOREVER})


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A script or style sheet."""
    if name not in STATIC:
        raise Unknown("There is no such file.")
    data = files("generation.review.web").joinpath("static", name).read_bytes()
    return Response(data, media_type=STATIC[name], headers={"Cache-Control": "no-cache"})


@router.get("/feed.css")
def sizes(request: Request) -> Response:
    """The sizes of the feed's places, from the settings; a style sheet, as inline styles are forbidden."""
    chosen = request.app.state.settings
    lines = [
        f".place-{name} {{ width: {size[0]}px; height: {size[1]}px; }}"
        for name, size in (("thumbnail", chosen.thumbnail), ("card", chosen.card), ("hero", chosen.hero))
    ]
    return Response("\n".join(lines), media_type="text/css", headers={"Cache-Control": "no-cache"})


@router.get("/api/similar/{cover_id}")
def similar(request: Request, visitor: Viewer, cover_id: str) -> HTMLResponse:
    """Covers of the night that look like this one, as a piece of the page."""
    ds = filter_of(request).ds
    with request.app.state.database.reading() as connection:
        query = select(candidates.c.cover_id, candidates.c.case_id).join(cases, cases.c.id == candidates.c.case_id)
        owners = {row.cover_id: row.case_id for row in connection.execute(query.where(cases.c.ds == ds))}
        near = request.app.state.lookalikes.near(cover_id, set(owners))
        rows = {row.id: row for row in rows_of(connection, [owners[name] for name, _ in near])}
    found = [(name, cosine, rows[owners[name]]) for name, cosine in near]
    return HTMLResponse(request.app.state.pages.get_template("similar.html.j2").render(found=found))
