"""The queue's pages and counts."""

import json

from tests.generation.review.conftest import rows_of


def test_the_start_is_the_queue(client):
    status, _, headers = client("vic").get("/")
    assert (status, headers["location"]) == (303, "/queue")


def test_a_filter_finds_and_counts_the_same_covers(pages, client):
    rows = [row for row in rows_of(pages[0]) if row.category == "food-drink"]
    found = json.loads(client("vic").get("/api/count?tab=all&category=food-drink")[1])
    assert found == {"count": len(rows), "more": False}
    body = client("vic").get("/queue?tab=all&category=food-drink")[1].decode()
    assert len(rows) > 1
    assert all(row.cover_id in body for row in rows)
    others = [row for row in rows_of(pages[0]) if row.category != "food-drink"]
    assert not any(row.cover_id in body for row in others)
