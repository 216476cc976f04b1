"""What waits for one person, over HTTP."""

import json

from tests.generation.review.conftest import rows_of


def counts(client, name):
    return json.loads(client(name).get("/api/inbox")[1])


def test_a_mention_is_new_until_it_was_seen(pages, client):
    row = next(row for row in rows_of(pages[0]) if not row.doubled)
    words = "@bob <b>which</b> fox?"
    assert client("ann").decide(row.id, "note", row.last_entry, note=words)[0] == 200
    assert counts(client, "bob") == {"unread": 1, "assigned": 0}
    page = client("bob").get("/inbox")[1].decode()
    assert "@bob &lt;b&gt;which&lt;/b&gt; fox?" in page
    assert f"/case/{row.id}#thread-{row.id}" in page
    assert client("bob").post("/api/seen", {"case": row.id}) == (200, {"seen": 1})
    assert counts(client, "bob")["unread"] == 0


def test_all_at_once(pages, client):
    row = next(row for row in rows_of(pages[0]) if not row.doubled)
    for number in range(3):
        assert client("ann").decide(row.id, "note", row.last_entry, note=f"@vic {number}")[0] == 200
    assert counts(client, "vic")["unread"] == 3
    assert client("vic").form("/inbox/seen", {})[0] == 303
    assert counts(client, "vic")["unread"] == 0


def test_no_page_shows_an_answer_or_a_comment_before_both_have_answered(pages, client):
    row = next(row for row in rows_of(pages[0]) if row.doubled)
    assert client("ann").decide(row.id, "reject", row.last_entry, reason="ugly", note="@bob secret words")[0] == 200
    for name in ("bob", "lea", "vic"):
        for path in (f"/case/{row.id}", f"/api/cards/{row.id}", f"/item/{row.id}", "/inbox", "/queue?tab=all"):
            assert b"secret words" not in client(name).get(path)[1]
        assert b"ann</b> rejected" not in client(name).get(f"/case/{row.id}")[1]
    assert counts(client, "bob")["unread"] == 0
    assert b"secret words" in client("ann").get(f"/case/{row.id}")[1]
    assert client("bob").decide(row.id, "approve", row.last_entry)[0] == 200
    page = client("lea").get(f"/case/{row.id}")[1]
    assert b"secret words" in page
    assert b"A lead who gave neither answer settles it" in page
    assert counts(client, "bob")["unread"] == 1
