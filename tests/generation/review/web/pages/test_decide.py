"""Decisions on one cover, as the browser sends them."""

import pytest

from tests.generation.review.conftest import rows_of


def case(pages, place):
    return rows_of(pages[0])[place]


def test_a_decision_is_written_and_taken_back(pages, client):
    row = case(pages, 10)
    status, answer = client("ann").decide(row.id, "approve", row.last_entry)
    assert (status, answer["kind"]) == (200, "approve")
    assert case(pages, 10).verdict == "approve"
    status, back = client("ann").post("/api/undo", {})
    assert (status, back["case"], back["undone"]) == (200, row.id, 1)
    assert back["entry"] > answer["entry"]
    assert case(pages, 10).verdict is None


def test_who_saw_an_older_state_is_told_so(pages, client):
    row = case(pages, 11)
    assert client("ann").decide(row.id, "reject", row.last_entry, reason="ugly")[0] == 200
    status, answer = client("lea").decide(row.id, "approve", row.last_entry)
    assert status == 409
    assert answer["error"]
    assert case(pages, 11).verdict == "reject"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "approve", "key": "short"},
        {"kind": "approve", "key": "k" * 8, "colour": "red"},
        {"kind": "k" * 21, "key": "k" * 8},
        {"kind": "reject", "key": "k" * 12},  # no reason
        {"kind": "approve", "key": "k" * 8, "seen": -1},
    ],
)
def test_what_no_page_sends_is_refused(pages, client, fields):
    row = case(pages, 12)
    assert client("ann").post("/api/decide", {"case": row.id, **fields})[0] == 422
    assert case(pages, 12).verdict is None


def test_a_takedown_is_in_the_log_and_in_the_answer(pages, client):
    row = case(pages, 13)
    wish = {"case": row.id, "cover": row.cover_id, "reason": "shows a brand"}
    status, answer = client("ann").post("/api/takedown", wish)
    assert (status, answer["kind"]) == (200, "takedown")
    assert case(pages, 13).last_entry == answer["entry"]
