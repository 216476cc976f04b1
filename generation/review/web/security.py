"""What stands between the network and the pages: headers, origin and token checks, who is asking."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, RedirectResponse

from conf.errors import Forbidden, Refused
from generation.review.log import audit
from generation.review.web import return_to
from generation.review.web.accounts import Accounts, Role, Visitor, derived_csrf

COOKIE = "coverlift_desk"
Number = Annotated[int, Field(ge=0, le=2**53)]
"""A number that a browser may send: one that it and both databases can hold."""
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
SAFE = ("GET", "HEAD", "OPTIONS")
MAX_BODY = 256 * 1024
"""Bytes of what a page sends."""
MAX_FILE = 32 * 1024 * 1024
"""Bytes of a file of decisions."""
FILES = ("/import",)
MAX_HOPS = 20
"""Proxies that a request may have passed."""
PUBLIC_FORMS = ("/sign-in", "/setup")
"""Forms of people without a session: only their origin is checked."""


class SignInFirst(Exception):
    """Nobody is signed in."""

    message = "You are signed out; sign in again."
    page, status = "/sign-in", 401


class PasswordFirst(SignInFirst):
    """Somebody else set this person's password; it is changed before anything else."""

    message = "Change your password first: open the desk in another tab."
    page, status = "/password", 403


async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what comes from another site or is too large, and put the headers on every answer."""
    if request.method not in SAFE:
        if not same_origin(request):
            refusal(request, "cross-site request", request.url.path)
            return with_headers(Response("This request came from another site.", 403, media_type="text/plain"))
        limit = MAX_FILE if request.url.path in FILES else MAX_BODY
        if not 0 <= int(request.headers.get("content-length") or -1) <= limit:
            return with_headers(Response("The request is too large or of unknown size.", 413, media_type="text/plain"))
    if twice_named(request):
        await run_in_threadpool(refusal, request, "doubled proxy header", request.url.path)
        return with_headers(Response("A proxy's header came twice.", 400, media_type="text/plain"))
    if request.method not in SAFE and request.url.path not in PUBLIC_FORMS:
        try:
            request.state.visitor = await run_in_threadpool(visitor_of, request)
        except DBAPIError:
            return with_headers(await call_next(request))  # asks again, and says what is the matter
        if request.state.visitor is None:  # nothing of the body is read for nobody
            await run_in_threadpool(refusal, request, "no session", request.url.path)
            return with_headers(sent_away(request, SignInFirst()))
    return with_headers(await call_next(request))


def twice_named(request: Request) -> bool:
    """Whether the header that names the person came more than once, of which a proxy wrote one at most."""
    header = request.app.state.settings.proxy_header
    given = request.headers.getlist(header) if header else []
    return len(given) > 1 or any("," in each for each in given)


def sent_away(request: Request, error: SignInFirst) -> Response:
    """The answer to somebody who must sign in, or change the password, first."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": error.message}, error.status)
    response = RedirectResponse(error.page, 303)
    if not isinstance(error, PasswordFirst):
        response.delete_cookie(COOKIE)
    return_to.remember(response, request, secure=request.app.state.settings.secure_cookies)
    return response


def with_headers(response: Response) -> Response:
    """The answer with :data:`HEADERS`; pages are not kept by browsers and proxies."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def same_origin(request: Request) -> bool:
    """Whether the browser says that our own page sent this; what says nothing is refused."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None and origin != "null":
        return origin.partition("://")[2] == request.headers.get("host")
    return site == "same-origin"


def now_of(request: Request) -> datetime:
    """The time of a request: a person's decision carries the real time."""
    clock: Callable[[], datetime] = getattr(request.app.state, "clock", lambda: datetime.now(UTC))
    return clock()


def address_of(request: Request) -> str:
    """Where a request comes from: the last address that no trusted proxy has; what others write does not count."""
    trusted = [ip_network(each, strict=False) for each in request.app.state.settings.trusted_proxies]
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",") if trusted else []
    found = peer_of(request)
    for hop in reversed(hops[-MAX_HOPS:]):
        if not _among(found, trusted) or not _is_address(hop.strip()):
            break
        found = hop.strip()
    return found


def peer_of(request: Request) -> str:
    """Who holds the other end of the line."""
    return request.client.host if request.client else ""


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _among(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in each for each in networks)


def note_in_audit(request: Request, who: str, action: str, about: str = "") -> None:
    """Write down in the audit what somebody did, with where from and when."""
    audit.note(
        request.app.state.database,
        who=who,
        address=address_of(request),
        action=action,
        about=about,
        now=now_of(request),
    )


def refusal(request: Request, action: str, about: object, who: str = "") -> None:
    """Put a refused request into the audit log, once."""
    if getattr(request.state, "noted", False):
        return
    request.state.noted = True
    audit.note(
        request.app.state.database,
        who=who,
        address=address_of(request),
        action=action,
        about=about,
        outcome="refused",
        now=now_of(request),
    )


def visitor_of(request: Request) -> Visitor | None:
    """Who is asking: by the trusted proxy's header where one is set, else by the session's cookie."""
    known: Visitor | None = getattr(request.state, "visitor", None)
    if known is not None:
        return known
    people: Accounts = request.app.state.accounts
    settings, address = people.settings, address_of(request)
    if settings.proxy_header:
        name = request.headers.get(settings.proxy_header)
        if name is None or peer_of(request) not in settings.proxy_addresses:
            return None
        role = people.role_of(name)
        if role is None:
            return None
        return Visitor(name=name, role=role, csrf=derived_csrf(name, request.app.state.secret), address=address)
    secret = request.cookies.get(COOKIE)
    return people.visitor(secret, address, now_of(request)) if secret else None


def needs(role: Role, *, own_password: bool = True) -> Any:
    """A dependency: the visitor, who has at least this role and sent the session's token with a change.

    Parameters
    ----------
    role
        The least.
    own_password
        Not before the person has changed a password that somebody else set.
    """

    async def check(request: Request) -> Visitor:
        token = await _token_of(request) if request.method not in SAFE else ""
        visitor = await run_in_threadpool(_checked, request, role, token)
        if own_password and visitor.must_change:
            raise PasswordFirst
        return visitor

    return Depends(check)


def _checked(request: Request, role: Role, token: str) -> Visitor:
    visitor = visitor_of(request)
    if visitor is None:
        if request.method not in SAFE:
            refusal(request, "no session", request.url.path)
        raise SignInFirst
    if request.method not in SAFE and not secrets.compare_digest(token.encode(), visitor.csrf.encode()):
        refusal(request, "wrong form token", request.url.path, visitor.name)
        raise Forbidden("This form is from another session; reload the page and try again.")
    if not visitor.may(role):
        refusal(request, f"needs {role}", request.url.path, visitor.name)
        raise Forbidden(f"That is for people with the role {role}; you are {visitor.role}.")
    return visitor


async def _token_of(request: Request) -> str:
    found = request.headers.get("x-csrf-token")
    if found is None and "form" in request.headers.get("content-type", ""):
        value = (await request.form()).get("csrf")
        found = value if isinstance(value, str) else None
    return found or ""


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; files are left out.

    Raises
    ------
    Refused
        When it cannot be read.
    """
    try:
        form = await request.form()
    except Exception as error:
        raise Refused("The form cannot be read.") from error
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def upload_of(request: Request, field: str) -> bytes:
    """The bytes of an uploaded file; empty without one."""
    found = (await request.form()).get(field)
    return await found.read() if isinstance(found, UploadFile) else b""


Form = Annotated[dict[str, str], Depends(form_of)]
"""A form's fields, as an argument of a page."""
Viewer = Annotated[Visitor, needs("viewer")]
Anybody = Annotated[Visitor, needs("viewer", own_password=False)]
"""Whoever is signed in, even with a password that must be changed."""
Reviewer = Annotated[Visitor, needs("reviewer")]
Lead = Annotated[Visitor, needs("lead")]
