"""The focus view: the next covers of a filter, and one as it is now."""

import json

import pytest

from tests.generation.review.conftest import rows_of


def test_covers_follow_each_other_from_a_place(client):
    first = json.loads(client("vic").get("/api/cards?tab=all&limit=4")[1])["cards"]
    assert len({card["id"] for card in first}) == 4
    after = json.loads(client("vic").get(f"/api/cards?tab=all&limit=2&after={first[1]['place']}")[1])["cards"]
    assert [card["id"] for card in after] == [card["id"] for card in first[2:]]


def test_a_link_opens_one_cover(pages, client):
    row = rows_of(pages[0])[7]
    status, body, _ = client("vic").get(f"/case/{row.id}")
    assert status == 200
    assert row.cover_id in body.decode()
    piece = json.loads(client("vic").get(f"/api/cards/{row.id}")[1])
    assert piece["id"] == row.id
    assert row.cover_id in piece["html"]


@pytest.mark.parametrize(("path", "status"), [("/case/999999", 404), ("/api/cards/999999", 404), ("/case/x", 422)])
def test_a_cover_that_there_is_not(client, path, status):
    assert client("vic").get(path)[0] == status


@pytest.mark.parametrize("limit", [0, 13])
def test_a_dozen_covers_at_most(client, limit):
    assert client("vic").get(f"/api/cards?limit={limit}")[0] == 422
