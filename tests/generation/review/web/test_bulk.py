import pytest

from benchmarks import made_up_night
from conf.errors import Refused
from conf.review import ReviewSettings
from generation.review.log import chain, decisions
from generation.review.log.decisions import Decision
from generation.review.log.queue import Filter
from generation.review.web import bulk
from tests.generation.review.conftest import NOW, rows_of

REASONS = ReviewSettings().reasons
PENDING = Filter(ds=made_up_night.DS, tab="pending")


def preview(database, asked=PENDING, kind="approve", *, limit=100, **more):
    return bulk.preview(
        database, asked, kind=kind, reason=more.get("reason"), reasons=REASONS, me="lea", limit=limit, now=NOW
    )


def test_what_was_previewed_is_decided_and_undone_in_one_step(make_desk):
    database = make_desk(20)
    before = rows_of(database)
    shown = preview(
        database, Filter(ds=made_up_night.DS, tab="pending", category="food-drink"), "reject", reason="ugly"
    )
    assert {row.category for row in shown.rows} == {"food-drink"}
    assert rows_of(database) == before
    done = bulk.apply(database, shown.token, me="lea", now=NOW)
    assert (done.decided, done.passed) == (len(shown.rows), 0)
    assert sum(row.verdict == "reject" for row in rows_of(database)) == len(shown.rows)
    undone = decisions.undo(database, "lea", NOW)
    assert len(undone.undoes) == len(shown.rows)
    assert [row._replace(last_entry=0) for row in rows_of(database)] == before
    with database.reading() as connection:
        assert chain.faults(connection) == []


def test_a_cover_decided_in_between_keeps_that_decision(make_desk):
    database = make_desk(6)
    shown = preview(database)
    other = shown.rows[0]
    wish = Decision(case_id=other.id, kind="reject", by="ann", seen=0, reason="ugly")
    decisions.decide(database, wish, REASONS, NOW)
    done = bulk.apply(database, shown.token, me="lea", now=NOW)
    assert (done.decided, done.passed) == (5, 1)
    after = {row.id: row for row in rows_of(database)}
    assert after[other.id].verdict == "reject"
    again = preview(database, [row.id for row in shown.rows[1:3]], "reject", reason="brand")
    bulk.apply(database, again.token, me="lea", now=NOW)
    kept = decisions.undo(database, "lea", NOW, bulk_id=done.bulk_id, lead=True)
    assert len(kept.undoes) == 3
    assert [row.verdict for row in rows_of(database)].count("reject") == 3


def test_a_preview_is_its_makers_and_works_once(make_desk):
    database = make_desk(6)
    shown = preview(database, limit=4)
    assert (len(shown.rows), shown.more) == (4, True)
    with pytest.raises(Refused, match="no such preview"):
        bulk.apply(database, shown.token, me="eve", now=NOW)
    bulk.apply(database, shown.token, me="lea", now=NOW)
    with pytest.raises(Refused, match="done before"):
        bulk.apply(database, shown.token, me="lea", now=NOW)
    with pytest.raises(Refused, match="needs one of the reasons"):
        preview(database, kind="reject")
    with pytest.raises(Refused, match="finds no cover"):
        preview(database, Filter(ds="2026-03-28"))
