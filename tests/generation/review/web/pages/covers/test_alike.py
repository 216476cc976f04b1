"""Covers that look alike, of other items first, and the tiles of a stack."""

import re

import pytest

from tests.generation.review.conftest import rows_of


def shown(body):
    return [int(number) for number in re.findall(r'<input type="checkbox" value="(\d+)"', body.decode())]


def test_other_items_first_and_the_same_item_when_asked(feed_desk, covers_client):
    rows = rows_of(feed_desk[0])
    first = rows[0]
    status, body, _ = covers_client("ann").get(f"/api/similar/{first.id}")
    others = shown(body)
    assert status == 200
    assert others[0] == first.id  # the cover itself can be selected with those like it
    assert {row.item_id for row in rows if row.id in others[1:]}.isdisjoint({first.item_id})
    assert set(others[1:5]) == {row.id for row in rows[8:12]}
    assert body.count(b"near-duplicate</span>") == 4
    body = covers_client("ann").get(f"/api/similar/{first.id}?same_item=1")[1]
    assert {row.id for row in rows[1:4]} < set(shown(body))
    assert body.count(b"near-duplicate</span>") == 4  # those of its own item are drawn in another way


@pytest.mark.parametrize(("name", "forms"), [("lea", 1), ("ann", 0), ("vic", 0)])
def test_leads_alone_decide_them_at_once(covers_client, name, forms):
    status, body, _ = covers_client(name).get("/api/similar/1")
    assert (status, body.count(b'action="/bulk/preview"')) == (200, forms)


def test_a_selection_of_several_items_is_previewed_as_a_bulk_step(feed_desk, covers_client):
    rows, lea = rows_of(feed_desk[0]), covers_client("lea")
    chosen = [rows[0].id, rows[8].id]
    _, _, headers = lea.form("/bulk/preview", {"ids": ",".join(map(str, chosen)), "kind": "reject",
                                              "reason_given": "ugly", "ds": rows[0].ds})  # fmt: skip
    body = lea.get(headers["location"])[1].decode()
    assert "Reject 2 covers?" in body
    assert all(f'href="/case/{number}"' in body for number in chosen)


def test_the_queue_shows_a_stack_as_one_tile_and_each_cover_when_asked(feed_desk, covers_client):
    rows = rows_of(feed_desk[0])
    body = covers_client("ann").get("/queue")[1].decode()
    stacks = [[int(number) for number in each.split(",")] for each in re.findall(r'data-stack="([\d,]+)"', body)]
    expected = [{rows[0].id, *(row.id for row in rows[8:12])}, {row.id for row in rows[1:4]}]
    assert sorted(map(set, stacks), key=len, reverse=True) == expected
    tiles = re.findall(r'<li class="tile[^"]*" data-case="(\d+)"', body)
    assert len(tiles) == len(rows) - 4 - 2
    apart = covers_client("ann").get("/queue?stacks=off")[1].decode()
    assert "data-stack" not in apart
    assert len(re.findall(r'<li class="tile" data-case="(\d+)"', apart)) == len(rows)


def test_an_opened_stack_is_tiles(feed_desk, covers_client):
    rows = rows_of(feed_desk[0])
    status, body, _ = covers_client("vic").get(f"/api/stack?ids={rows[3].id},{rows[9].id},999999")
    assert status == 200
    assert re.findall(rb'data-case="(\d+)"', body) == [b"%d" % rows[3].id, b"%d" % rows[9].id]


@pytest.mark.parametrize(("path", "status"), [
    ("/api/stack?ids=1,x", 422), ("/api/stack?ids=", 200), ("/api/stack", 422), ("/api/similar/999999", 404),
    ("/api/similar/-1", 422),
])  # fmt: skip
def test_requests_that_name_nothing(covers_client, path, status):
    answer, body, _ = covers_client("vic").get(path)
    assert (answer, b"data-case" in body) == (status, False)


def test_a_cover_without_vectors_has_no_lookalikes(pages, client):
    row = rows_of(pages[0])[0]
    status, body, _ = client("vic").get(f"/api/similar/{row.id}")
    assert (status, b"/img/" in body) == (404, False)
