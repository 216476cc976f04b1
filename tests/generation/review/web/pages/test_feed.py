"""Files that pages ask for, sizes of the feed's places."""

import pytest

from conf.settings import ReviewSettings
from generation.review.web.pages.feed import STATIC


@pytest.mark.parametrize(("name", "kind"), STATIC.items())
def test_files_have_their_types(client, name, kind):
    status, body, headers = client("vic").get(f"/static/{name}")
    assert (status, headers["content-type"].partition(";")[0]) == (200, kind)
    assert body


@pytest.mark.parametrize("name", ["app.py", "..%2fapp.py", "desk.css.map"])
def test_nothing_else_is_served_by_name(client, name):
    assert client("vic").get(f"/static/{name}")[0] == 404


def test_the_places_have_the_sizes_of_the_settings(client):
    sheet = client("vic").get("/feed.css")[1].decode()
    for name in ("thumbnail", "card", "hero"):
        width, height = getattr(ReviewSettings(), name)
        assert f".place-{name} {{ width: {width}px; height: {height}px; }}" in sheet
