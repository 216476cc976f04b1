"""The desk as a web application: state, error pages and routes."""

import hashlib
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from conf.errors import Refused
from generation.review.log.database import Database
from generation.review.log.decisions import BulkStep
from generation.review.log.live import Published
from generation.review.web.accounts import Accounts
from generation.review.web.alike.similar import Lookalikes
from generation.review.web.alike.stacks import NearDuplicates
from generation.review.web.oidc import page as oidc_page
from generation.review.web.oidc.provider import Provider, secret_of
from generation.review.web.pages import blind, bulk, compare, decide, feed, focus, people, publish, queue, session
from generation.review.web.pages import files as file_pages
from generation.review.web.pages.covers import alike, in_context, record
from generation.review.web.publisher import Publisher, Watch
from generation.review.web.security import SignInFirst, guard, refusal, sent_away, visitor_of, with_headers
from generation.review.web.together import assign, inbox, reviewers
from generation.review.web.together.hook import Hook
from jobs.lake.context import Context

HERE = Path(__file__).parent
LOCAL = ("127.0.0.1", "localhost", "[::1]", "::1")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Lakeside:
    """What the desk does outside its database."""

    take_down: Callable[[str, str, str, date], str]
    """Cover, reason, by whom and night -> what happened; the same mechanism as the command."""
    publish: Callable[[date], str] | None = None
    """Night -> what came of syncing and publishing it, by the night's own stages; None: the desk does not offer it."""


def make_app(
    database: Database, ctx: Context, lakeside: Lakeside, *, hosts: tuple[str, ...] = (), setup_token: str | None = None
) -> FastAPI:
    """The application.

    Parameters
    ----------
    database
        The desk's, migrated.
    ctx
        The night that is shown first; its lake and pictures.
    lakeside
        What is done in the lake.
    hosts
        Names under which it may be reached, besides this machine's own.
    setup_token
        Secret of the one-time link that makes the first account.
    """
    app = FastAPI(title="Coverlift review", docs_url=None, redoc_url=None, openapi_url=None)
    state = app.state
    state.database, state.ctx, state.lakeside = database, ctx, lakeside
    state.settings = ctx.settings.review
    state.accounts = Accounts(database, ctx.settings.review)
    state.lookalikes = Lookalikes(ctx.lake, ctx.settings.features.encoder_id)
    state.near_duplicates = NearDuplicates(ctx.lake, state.lookalikes, ctx.settings.review.near_duplicate)
    state.published = Published(ctx.lake)
    state.publisher = Publisher(database, lakeside.publish)
    state.watch = Watch(database, ctx, state.published, state.publisher)
    state.provider = Provider(ctx.settings.review, secret_of(ctx.settings.review, os.environ))
    state.hook = Hook(database, ctx.settings.review)
    state.setup_token = setup_token
    state.secret = secrets.token_bytes(32)
    state.pages = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    state.pages.globals |= {
        "settings": ctx.settings.review,
        "release": _release(),
        "publishes": lakeside.publish is not None,
    }
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL, *hosts, *ctx.settings.review.hosts])
    app.middleware("http")(guard)
    for module in (
        queue,
        focus,
        decide,
        bulk,
        blind,
        feed,
        people,
        file_pages,
        session,
        publish,
        compare,
        alike,
        in_context,
        record,
    ):
        app.include_router(module.router)
    for module in (assign, inbox, reviewers, oidc_page):
        app.include_router(module.router)
    _add_errors(app)
    return app


def _release() -> str:
    """Changes when a script or style sheet does, so that browsers fetch the new one."""
    parts = [item.read_bytes() for item in sorted(files("generation.review.web").joinpath("static").iterdir(), key=str)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _add_errors(app: FastAPI) -> None:
    app.add_exception_handler(SignInFirst, sent_away)  # type: ignore[arg-type]

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        """Which field, and what is wrong with it; what was sent is not sent back."""
        faults = [f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}" for fault in error.errors()]
        _note(request, "; ".join(faults)[:300])
        return _said(request, "; ".join(faults)[:300], 422)

    @app.exception_handler(BulkStep)
    def asks_first(request: Request, error: BulkStep) -> Response:
        return JSONResponse({"said": str(error), "bulk": error.step})

    @app.exception_handler(Refused)
    def refused(request: Request, error: Refused) -> Response:
        _note(request, error)
        return _said(request, str(error), error.status)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        _note(request, f"{error.status_code}")
        return _said(request, "There is no such page." if error.status_code == 404 else error.detail, error.status_code)

    @app.exception_handler(DBAPIError)
    def down(request: Request, error: DBAPIError) -> Response:
        logger.error("the review database: %s", error)
        return _plain(request, "The review database does not answer; nothing was saved. Try again in a moment.", 503)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        logger.exception("request failed", exc_info=error)
        return with_headers(_plain(request, "Something went wrong at the desk; nothing was saved.", 500))


def _note(request: Request, about: object) -> None:
    """Write down what a signed-in person was refused."""
    visitor = visitor_of(request)
    if visitor is not None:
        refusal(request, f"{request.method} {request.url.path}", about, visitor.name)


def _plain(request: Request, message: str, status: int) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message}, status)
    return PlainTextResponse(message, status)


def _said(request: Request, message: str, status: int) -> Response:
    message = message.encode("utf-8", "replace").decode()
    if request.url.path.startswith(("/api/", "/img/", "/static/")):
        return _plain(request, message, status)
    values: dict[str, Any] = {"message": message, "status": status, "visitor": visitor_of(request), "tab": None}
    return HTMLResponse(request.app.state.pages.get_template("said.html.j2").render(values), status)
