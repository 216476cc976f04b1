"""Pictures, style sheets and scripts; how a cover looks in the feed."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from conf.errors import Unknown
from generation.review import pictures
from generation.review.web.security import Viewer

router = APIRouter()
STATIC = {
    "desk.css": "text/css",
    "alike.css": "text/css",
    "context.css": "text/css",
    "desk.js": "text/javascript",
    "outbox.js": "text/javascript",
    "together.js": "text/javascript",
    "compare.js": "text/javascript",
    "grid.js": "text/javascript",
    "alike.js": "text/javascript",
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
    lines.append(f".device .cover {{ aspect-ratio: {chosen.card[0]} / {chosen.card[1]}; }}")
    return Response("\n".join(lines), media_type="text/css", headers={"Cache-Control": "no-cache"})
