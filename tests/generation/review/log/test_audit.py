import json
from datetime import UTC, datetime

from conf.review import ReviewSettings
from generation.review.log import audit, decisions
from generation.review.log.decisions import Decision
from generation.review.log.sealing import audit_chain
from tests.generation.review.conftest import NOW, rows_of


def test_lines_come_newest_first_and_are_kept_short(make_desk):
    database = make_desk(0)
    for number, about in enumerate(("first", "x" * 900)):
        audit.note(
            database,
            who="ann",
            address="127.0.0.1",
            action="sign-in",
            about=about,
            now=datetime(2026, 3, 30, 8, number, tzinfo=UTC),
        )
    newest, oldest = audit.recent(database)
    assert (newest["object"], oldest["object"]) == ("x" * audit_chain.MAX_OBJECT, "first")
    assert (oldest["who"], oldest["action"], oldest["outcome"]) == ("ann", "sign-in", "done")
    assert len(audit.recent(database, limit=1)) == 1


def test_the_export_holds_both_logs_with_the_hashes_of_the_chain(make_desk):
    database = make_desk(3)
    row = rows_of(database)[0]
    audit.note(database, who="ann", address="", action="refused", outcome="refused", now=NOW)
    wish = Decision(case_id=row.id, kind="approve", by="ann", seen=row.last_entry, key="k")
    decisions.decide(database, wish, ReviewSettings().reasons, NOW)
    lines = [json.loads(line) for line in audit.export(database)]
    assert [line["log"] for line in lines] == ["audit", "audit", "decisions"]
    assert [line["action"] for line in lines[:2]] == ["night loaded", "refused"]
    assert {len(line["hash"]) for line in lines} == {64}
