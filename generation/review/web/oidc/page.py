"""Going to the provider and coming back."""

import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from conf.errors import Refused, Unknown
from generation.review.web.oidc import identity, visits
from generation.review.web.oidc.provider import Identity, NotProven, Provider
from generation.review.web.pages.common import render
from generation.review.web.pages.people import signed_in
from generation.review.web.security import Anybody, address_of, note_in_audit, now_of, refusal, visitor_of

router = APIRouter(prefix="/oidc")
COOKIE = "coverlift_desk_provider"
Text = Annotated[str, Query(max_length=2000)]


@router.get("/start")
def start(request: Request) -> Response:
    """On to the provider."""
    try:
        place, browser = _leave(request)
    except Refused as error:
        return _sign_in_page(request, error)
    response = RedirectResponse(place, 303)
    _remember(response, request, browser)
    return response


@router.post("/connect")
def connect(request: Request, visitor: Anybody) -> HTMLResponse:
    """A link to the provider that connects the account of whoever is signed in; a form may not lead to another site."""
    place, browser = _leave(request, links=visitor.name)
    page = render(request, "connect.html.j2", visitor, link=place, place=urlsplit(place).netloc)
    _remember(page, request, browser)
    return page


@router.get("/callback")
def callback(
    request: Request, state: Text = "", code: Text = "", error: Text = "", iss: Text | None = None
) -> Response:
    """Back from the provider: who it is, and on to the page that was asked for."""
    found, now, people = _provider(request), now_of(request), request.app.state.accounts
    try:
        visit, links = visits.back(people.database, state, request.cookies.get(COOKIE, ""), now)
        if error or not code:
            raise Refused("The provider did not sign you in; try again, or sign in with your password.")
        who = found.identify(visit, code, _redirect(request), iss)
        if links is not None:
            return _connected(request, links, who)
        name, secret = identity.enter(people, who, address_of(request), now)
    except Refused as problem:
        if isinstance(problem, NotProven):
            identity.failed(people, address_of(request), now)
        return _sign_in_page(request, problem)
    note_in_audit(request, name, "sign in by the provider", who.subject)
    return signed_in(request, secret)


def _leave(request: Request, links: str | None = None) -> tuple[str, str]:
    place, visit = _provider(request).leave(_redirect(request))
    browser = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
    visits.keep(request.app.state.database, visit, browser, now_of(request), links)
    return place, browser


def _connected(request: Request, links: str, who: Identity) -> Response:
    visitor = visitor_of(request)
    if visitor is None or visitor.name != links:
        raise NotProven(f"Only {links}, signed in here, connects that account.")
    identity.connect(request.app.state.accounts, links, who, now_of(request))
    note_in_audit(request, links, "connect with the provider", who.subject)
    return RedirectResponse("/password", 303)


def _provider(request: Request) -> Provider:
    found: Provider = request.app.state.provider
    if not found.offered:
        raise Unknown("There is no such page.")
    return found


def _redirect(request: Request) -> str:
    """Where the provider sends browsers back to."""
    settings = request.app.state.settings
    here = f"{'https' if settings.secure_cookies else 'http'}://{request.headers.get('host', '')}"
    return f"{settings.public_url or here}/oidc/callback"


def _remember(response: Response, request: Request, browser: str) -> None:
    secure = request.app.state.settings.secure_cookies
    response.set_cookie(
        COOKIE, browser, max_age=visits.MINUTES * 60, httponly=True, samesite="lax", secure=secure, path="/oidc"
    )


def _sign_in_page(request: Request, problem: Refused) -> HTMLResponse:
    refusal(request, "sign in by the provider", problem)
    return render(request, "sign_in.html.j2", None, problem.status, problem=str(problem), name="")
