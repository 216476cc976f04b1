import pytest
from fastapi import Request, Response

from generation.review.web import return_to


def request(path, query="", cookie=None, method="GET"):
    headers = [(b"cookie", f"{return_to.COOKIE}={cookie}".encode())] if cookie else []
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers,
             "scheme": "http", "server": ("127.0.0.1", 80)}  # fmt: skip
    return Request(scope)


def kept(asked):
    response = Response()
    return_to.remember(response, asked, secure=False)
    cookie = response.headers.get("set-cookie")
    return cookie and cookie.split(";")[0].partition("=")[2]


@pytest.mark.parametrize(
    ("path", "query"),
    [("/case/12", ""), ("/focus", "ds=2026-03-29&tab=done&title=a+b"), ("/compare", "ids=1%2C2"), ("/item/3", "")],
)
def test_a_page_of_the_desk_is_shown_after_signing_in(path, query):
    cookie = kept(request(path, query))
    assert return_to.place_of(request("/sign-in", cookie=cookie)) == path + (f"?{query}" if query else "")


@pytest.mark.parametrize("path", ["/queue", "/img/" + "a" * 64, "/api/cards", "/sign-out", "//evil.example", "/case/x"])
def test_nothing_else_is_kept(path):
    assert kept(request(path)) is None
    assert kept(request("/case/12", method="POST")) is None


@pytest.mark.parametrize(
    "cookie",
    ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2Fqueue%0d%0aX", "%2Fcase%2F1%2F..%2F..", "%5Cevil"],
)
def test_a_forged_cookie_leads_to_the_queue(cookie):
    assert return_to.place_of(request("/sign-in", cookie=cookie)) == "/queue"
