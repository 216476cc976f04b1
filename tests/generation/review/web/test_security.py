"""Which requests count as our own pages', and the headers of every answer, without a server."""

from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.responses import Response

from conf.review import ReviewSettings
from generation.review.web.security import HEADERS, address_of, same_origin, with_headers


def request(**headers):
    """A POST to desk.example with such headers."""
    sent = {"host": "desk.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    app = SimpleNamespace(state=SimpleNamespace(settings=ReviewSettings()))
    return Request(
        {"type": "http", "method": "POST", "path": "/", "headers": raw, "client": ("10.1.2.3", 5), "app": app}
    )


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"origin": "http://desk.example"}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-origin", "origin": "null"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://desk.example.evil"}, False),
        ({"sec_fetch_site": "same-site", "origin": "http://desk.example"}, False),
        ({"sec_fetch_site": "none"}, False),
    ],
)
def test_only_what_says_that_it_is_ours_is_ours(headers, ours):
    assert same_origin(request(**headers)) is ours


def test_an_address_is_the_connections_whatever_headers_say():
    assert address_of(request(x_forwarded_for="127.0.0.1")) == "10.1.2.3"


def test_every_header_is_there_and_what_a_page_said_stays():
    answer = with_headers(Response("x", headers={"Cache-Control": "private, max-age=60"}))
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert with_headers(Response("x")).headers["cache-control"] == "no-store"
