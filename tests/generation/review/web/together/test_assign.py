"""Assigning over HTTP."""

import secrets

import pytest

from tests.generation.review.conftest import rows_of


def work(**fields):
    return {"to": "bob", "key": secrets.token_hex(8), **fields}


def test_a_selection_by_a_reviewer_and_a_filter_by_a_lead(pages, client):
    ids = [row.id for row in rows_of(pages[0])]
    status, answer = client("ann").post("/api/assign", work(cases=ids[:2]))
    assert (status, answer) == (200, {"assigned": 2, "to": "bob"})
    status, answer = client("lea").post("/api/assign", work(filter="ds=2026-03-29&segment_id=s1", to="ann"))
    assert (status, answer["assigned"]) == (200, sum(row.segment_id == "s1" for row in rows_of(pages[0])))
    assert b"for bob" in client("lea").get("/queue?assigned=bob")[1]
    status, answer = client("lea").post("/api/assign", work(filter="ds=2026-03-29", to=""))
    assert status == 200
    assert {row.assigned_to for row in rows_of(pages[0])} == {None}


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [
        ("ann", {"filter": "ds=2026-03-29"}, 403),
        ("vic", {"cases": [1]}, 403),
        ("ann", {"cases": [10**6]}, 422),
        ("ann", {"cases": [1], "to": "vic"}, 422),
        ("ann", {"cases": [-1]}, 422),
        ("ann", {"cases": [1], "key": "short"}, 422),
    ],
)
def test_who_and_what_is_refused(pages, client, name, fields, status):
    assert client(name).post("/api/assign", work(**fields))[0] == status


def test_whom_a_page_offers(pages, client):
    status, body, _ = client("vic").get("/api/people")
    assert status == 200
    assert body == b'{"names":["ann","bob","lea","vic"],"deciders":["ann","bob","lea"]}'
