"""Where somebody wanted to go before signing in, kept in a cookie for the few minutes that it takes."""

import re
from urllib.parse import quote, unquote

from fastapi import Request, Response

COOKIE = "coverlift_desk_next"
MINUTES = 15
START = "/queue"
PAGES = re.compile(
    r"/(?:queue|focus|(?:case|item)/\d+|compare|inbox|ab|bulk|offline|results|reviewers|people|audit)(?:[/?][\w./?&=%+~:-]*)?"
)
"""Pages of this desk; nothing else is followed."""


def remember(response: Response, request: Request, *, secure: bool) -> None:
    """Keep the page that a request was for, if it is one of the desk's pages."""
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method == "GET" and PAGES.fullmatch(place) and place != START and len(place) < 2000:
        response.set_cookie(
            COOKIE, quote(place, safe=""), max_age=MINUTES * 60, httponly=True, samesite="lax", secure=secure
        )


def place_of(request: Request) -> str:
    """The page to show after signing in: the one that was asked for, else the queue.

    Examples
    --------
    >>> from starlette.datastructures import Headers
    >>> def asked(place):
    ...     return Request({"type": "http", "headers": Headers({"cookie": f"{COOKIE}={quote(place, safe='')}"}).raw})
    >>> place_of(asked("/case/12")), place_of(asked("//evil.example/")), place_of(asked("/queue/../img"))
    ('/case/12', '/queue', '/queue')
    """
    place = unquote(request.cookies.get(COOKIE, ""))
    return place if PAGES.fullmatch(place) and ".." not in place else START


def forget(response: Response) -> None:
    """It was used."""
    response.delete_cookie(COOKIE)
