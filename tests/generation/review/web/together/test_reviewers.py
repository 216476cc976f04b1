"""The page with figures, over HTTP."""

from tests.generation.review.conftest import rows_of


def test_a_lead_sees_figures_and_nobody_else(pages, client):
    row = next(row for row in rows_of(pages[0]) if not row.doubled and row.verdict is None)
    assert client("ann").decide(row.id, "approve", row.last_entry)[0] == 200
    status, body, _ = client("lea").get("/reviewers?days=7")
    assert status == 200
    assert b'<th scope="row">ann</th>' in body
    assert b'<th scope="row">rule-ask</th><td>asked</td>' in body
    assert client("ann").get("/reviewers")[0] == 403
    assert client("lea").get("/reviewers?days=0")[0] == 422
