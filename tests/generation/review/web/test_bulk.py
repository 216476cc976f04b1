import pytest

from benchmarks import made_up_night
from conf.errors import Refused
from conf.review import ReviewSettings
from generation.review.log import decisions
from generation.review.log.decisions import Decision
from generation.review.log.queue import Filter
from generation.review.log.sealing import chain
from generation.review.web import bulk
from generation.review.web.pages.common import fields_of
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


def test_covers_that_two_people_decide_are_left_out_and_counted(make_desk):
    database = make_desk(12, double_share=0.5)
    rows = rows_of(database)
    doubled = {row.id for row in rows if row.doubled}
    assert 0 < len(doubled) < len(rows)
    shown = preview(database, [row.id for row in rows])
    assert {row.id for row in shown.rows} == {row.id for row in rows} - doubled
    assert (shown.for_two, shown.over_limit) == (len(doubled), 0)
    assert preview(database).for_two == 0  # of a whole filter they are not counted


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


def test_over_fifty_the_number_is_typed_and_the_preview_has_pages(make_desk):
    database = make_desk(70)
    made = preview(database)
    pages = [bulk.shown(database, made.token, me="lea", page=page, size=30) for page in (1, 2, 3, 4)]
    assert [len(each.rows) for each in pages] == [30, 30, 10, 10]
    assert [row.id for each in pages[:3] for row in each.rows] == [row.id for row in made.rows]
    assert {(each.count, each.pages) for each in pages} == {(70, 3)}
    with pytest.raises(Refused, match="no such preview"):
        bulk.shown(database, made.token, me="eve", page=1, size=30)
    for typed in (None, "", "71", "7"):
        with pytest.raises(Refused, match="type that number"):
            bulk.apply(database, made.token, me="lea", now=NOW, typed=typed)
    assert bulk.apply(database, made.token, me="lea", now=NOW, typed=" 70 ").decided == 70


def test_no_step_approves_what_is_over_the_safety_limit(make_desk):
    database = make_desk(12, max_nsfw=0.5)
    over = {row.id for row in rows_of(database) if row.nsfw > 0.5}
    shown = preview(database)
    assert (shown.over_limit, {row.id for row in shown.rows} & over) == (len(over), set())
    assert 0 < len(over) < 12
    with pytest.raises(Refused, match="Every one of these covers is over"):
        preview(database, sorted(over))
    assert len(preview(database, kind="reject", reason="unsafe").rows) == 12


def test_the_bulk_of_a_link_with_a_verdict_is_what_the_page_shows(make_desk):
    database = make_desk(5)
    row = rows_of(database)[0]
    wish = Decision(case_id=row.id, kind="reject", by="ann", seen=0, reason="ugly")
    decisions.decide(database, wish, REASONS, NOW)
    asked = Filter(ds=made_up_night.DS, tab="all", verdict="reject")
    assert [each.id for each in preview(database, asked).rows] == [row.id]
    assert dict(fields_of(asked)) == {"ds": made_up_night.DS, "tab": "all", "verdict": "reject"}
