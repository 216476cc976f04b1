"""Bulk steps through their forms."""

import re

from generation.review.web.bulk_steps import steps
from tests.generation.review.conftest import rows_of


def last_step(database):
    """Id of the newest bulk step."""
    with database.reading() as connection:
        return steps(connection)[0].bulk_id


def test_what_was_chosen_is_previewed_decided_and_undone(pages, client):
    lea, chosen = client("lea"), rows_of(pages[0])[20:22]
    ids = [row.id for row in chosen]

    def verdicts():
        return [row.verdict for row in rows_of(pages[0]) if row.id in ids]

    status, _, headers = lea.form("/bulk/preview", {"ids": ",".join(map(str, ids)), "kind": "approve"})
    assert status == 303
    body = lea.get(headers["location"])[1].decode()
    assert "Approve 2 covers?" in body
    assert all(row.cover_id in body for row in chosen)
    assert verdicts() == [None, None]
    token = re.search(r'name="token" value="([^"]+)"', body)[1]
    status, body, _ = lea.form("/bulk/apply", {"token": token})
    assert status == 200
    assert verdicts() == ["approve", "approve"]
    assert client("lea").form("/bulk/undo", {"bulk": last_step(pages[0])})[0] == 200
    assert verdicts() == [None, None]


def test_forms_that_name_nothing_are_refused(client):
    status, body, _ = client("lea").form("/bulk/preview", {"ids": "1,two", "kind": "approve"})
    assert (status, b"selection cannot be read" in body) == (422, True)
    status, body, _ = client("lea").form("/bulk/undo", {})
    assert (status, b"Which step is to be undone?" in body) == (422, True)
