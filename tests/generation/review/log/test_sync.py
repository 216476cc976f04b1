from datetime import UTC, date, datetime

import polars as pl
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from sqlalchemy import update

from benchmarks import made_up_night
from conf.errors import GateError, TryAgainError
from conf.review import ReviewSettings
from generation.review.log import decisions, sync
from generation.review.log.decisions import Decision
from generation.review.log.queue import Filter, candidates_of
from generation.review.log.schema import nights
from generation.review.log.sync import check_anchors, decision_rows, measure_safety
from generation.review.web import bulk
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS, OVER_LIMIT
from jobs.publishing.stage import choose, decisions_that_count
from tests.generation.review.conftest import NOW, rows_of

DAY = date.fromisoformat(made_up_night.DS)
REASONS = ReviewSettings().reasons


def decide(database, row, kind="approve", by="ann", **more):
    wish = Decision(case_id=row.id, kind=kind, by=by, seen=row.last_entry, **more)
    return decisions.decide(database, wish, REASONS, NOW)


def published(database, policy="approve"):
    """What publishing makes of the desk's decisions and a policy that decided every selected cover."""
    rows = rows_of(database)
    with database.reading() as connection:
        pictures = candidates_of(connection, [row.id for row in rows])
    covers = [
        {"ds": row.ds, "item_id": row.unit_id, "segment_id": "s", "cover_id": each.cover_id, "unit_id": row.unit_id,
         "score": 1.0, "nsfw": 0.1, "selected": each.cover_id == row.selected_cover_id}
        for row in rows for each in pictures[row.id]
    ]  # fmt: skip
    end = datetime(2026, 3, 29, 23, 59, tzinfo=UTC)
    words = [
        {"ds": row.ds, "decision_id": f"p{row.id}", "cover_id": row.selected_cover_id, "unit_id": row.unit_id,
         "decision": policy, "reason": "-", "by": "policy:p", "decided_at": end}
        for row in rows
    ]  # fmt: skip
    decisions = pa.Table.from_pylist(words + decision_rows(database, DAY), schema=COVER_DECISIONS.schema)
    chosen, _ = choose(pl.DataFrame(covers), pl.DataFrame(pl.from_arrow(decisions)), max_nsfw=0.4)
    return dict(chosen.select("unit_id", "cover_id").iter_rows())


def test_publishing_follows_people_through_every_change_of_mind(make_desk):
    database = make_desk(4, policy="approve")
    row, others = rows_of(database)[0], rows_of(database)[1:]
    with database.reading() as connection:
        second = candidates_of(connection, [row.id])[row.id][1].cover_id
    assert published(database)[row.unit_id] == row.selected_cover_id
    steps = [
        (lambda: decide(database, row, "reject", reason="ugly"), None),
        (lambda: decide(database, rows_of(database)[0], "pick", cover_id=second, by="bob"), second),
        (lambda: decisions.undo(database, "bob", NOW), None),
        (lambda: decisions.undo(database, "ann", NOW), row.selected_cover_id),
        (lambda: decide(database, rows_of(database)[0], "pick", cover_id=second), second),
        (lambda: decide(database, rows_of(database)[0], "approve"), row.selected_cover_id),
    ]
    for step, expected in steps:
        step()
        assert published(database).get(row.unit_id) == expected
    assert all(published(database)[other.unit_id] == other.selected_cover_id for other in others)
    assert published(database, policy="ask") == {row.unit_id: row.selected_cover_id}


def test_rows_follow_from_the_log_alone(make_desk):
    database = make_desk(8, double_share=0.5)
    shown = bulk.preview(database, Filter(ds=made_up_night.DS, tab="pending"), kind="approve", reason=None,
                         reasons=REASONS, me="lea", limit=100, now=NOW)  # fmt: skip
    bulk.apply(database, shown.token, me="lea", now=NOW)
    decisions.undo(database, "lea", NOW)
    doubled = next(row for row in rows_of(database) if row.doubled)
    before = decision_rows(database, DAY)
    assert before == decision_rows(database, DAY)
    assert {row["decision"] for row in before} == {"approve", "withdraw"}
    decide(database, doubled, by="ann")
    assert decision_rows(database, DAY) == before  # one answer of two is no decision
    decide(database, next(row for row in rows_of(database) if row.id == doubled.id), by="bob")
    assert decision_rows(database, DAY)[-1]["by"] == "person:ann+bob"
    assert decision_rows(database, date(2026, 3, 28)) == []


def test_one_rejection_of_two_holds_a_cover_back_until_it_is_settled(make_desk):
    database = make_desk(1, policy="approve", double_share=1.0)
    (row,) = rows_of(database)

    def live():
        return published(database).get(row.unit_id)

    def now():
        return rows_of(database)[0]

    decide(database, row, "reject", by="ann", reason="ugly")
    assert live() is None  # nobody has answered yet
    decide(database, now(), by="bob")
    assert (now().queue, live()) == ("disputed", None)
    decide(database, now(), by="lea", lead=True)
    assert live() == row.cover_id
    decisions.undo(database, "lea", NOW)
    assert (now().queue, live()) == ("disputed", None)
    decisions.undo(database, "bob", NOW)
    decisions.undo(database, "ann", NOW)
    assert live() == row.cover_id  # the policy's word counts again


def test_when_the_second_rejects_as_well_the_entry_that_settled_it_is_in_the_lake(make_desk):
    """Two rejections are two rows, the second of both people: a log that the lake knew before still holds its ids."""
    database = make_desk(1, policy="approve", double_share=1.0)
    decide(database, rows_of(database)[0], "reject", by="ann", reason="ugly")
    decide(database, rows_of(database)[0], "reject", by="bob", reason="ugly")
    rows = decision_rows(database, DAY)
    assert [(row["decision"], row["by"]) for row in rows] == [("reject", "person:ann"), ("reject", "person:ann+bob")]
    assert published(database) == {}


def test_a_takedown_keeps_a_cover_from_the_feed_even_before_the_lake_was_told(make_desk):
    database = make_desk(2, policy="approve", candidates=1)
    row = rows_of(database)[0]
    decisions.take_down(database, case_id=row.id, cover_id=row.cover_id, by="ann", reason="rude", now=NOW)
    assert set(published(database)) == {rows_of(database)[1].unit_id}
    assert [(found["decision"], found["reason"]) for found in decision_rows(database, DAY)] == [("takedown", "rude")]


def test_a_note_cannot_pass_for_the_reason_of_an_approval_over_the_limit(make_desk):
    database = make_desk(2, policy="approve", candidates=1)
    row = rows_of(database)[0]
    decide(database, row, note=f"{OVER_LIMIT}says who")
    assert [found["reason"] for found in decision_rows(database, DAY)] == [f"note: {OVER_LIMIT}says who"]
    wish = Decision(case_id=row.id, kind="approve", by="lea", seen=rows_of(database)[0].last_entry, lead=True,
                    reason="a statue")  # fmt: skip
    with database.writing(alone=True) as connection:
        connection.execute(update(nights).values(facts='{"max_nsfw": 0.0}'))
    decisions.decide(database, wish, REASONS, NOW)
    decide(database, rows_of(database)[0], "reject", reason="ugly")
    decisions.undo(database, "ann", NOW)  # the lead's approval stands again, with its reason
    assert decision_rows(database, DAY)[-1]["reason"] == f"{OVER_LIMIT}{row.nsfw:.3f} > 0: a statue"


def wrote(ctx, rows, spec):
    write_deltalake(ctx.lake.path(spec.name), pa.Table.from_pylist(rows, schema=spec.schema), mode="append")


def test_a_log_whose_end_was_cut_off_is_found(make_desk, make_context):
    database, ctx = make_desk(4), make_context()
    decide(database, rows_of(database)[0])
    rows = decision_rows(database, DAY)
    wrote(ctx, rows, COVER_DECISIONS)
    check_anchors(ctx.lake, DAY, rows)
    assert decisions_that_count(ctx.lake, DAY)["by"].to_list() == ["person:ann"]
    with pytest.raises(GateError, match="cut off or exchanged"):
        check_anchors(ctx.lake, DAY, [])


def test_without_a_desk_nothing_happens_unless_it_is_required(make_context):
    assert sync.run(make_context()).note.startswith("no reviewers' desk")
    with pytest.raises(TryAgainError, match="start `coverlift review serve` once"):
        sync.run(make_context(review={"required": True}))


@pytest.mark.parametrize("function", [sync.run, sync.watched])
def test_with_the_database_down_the_night_stops_before_it_publishes(make_context, function):
    ctx = make_context(review={"database": "postgresql://desk:secret@127.0.0.1:9/desk"})
    with pytest.raises(TryAgainError, match="does not answer") as error:
        function(ctx)
    assert error.value.exit_code == 75
    assert "secret" not in str(error.value)


def test_an_approved_cover_of_unknown_safety_needs_the_scorer(make_desk, make_context):
    database, ctx = make_desk(2), make_context()
    row = rows_of(database)[0]
    wrote(ctx, [generated(row)], GENERATED_COVERS)
    decide(database, row)
    rows = decision_rows(database, DAY)

    def broken(pictures):
        raise OSError("the network file is gone")

    with pytest.raises(TryAgainError, match="cannot be measured") as error:
        measure_safety(ctx, rows, broken)
    assert error.value.exit_code == 75


def generated(row):
    return {
        "ds": row.ds, "cover_id": row.selected_cover_id, "unit_id": row.unit_id, "purpose": "publish", "as_of": row.ds,
        "item_id": row.item_id, "segment_id": row.segment_id, "method": row.method, "candidate": 0, "seed": 1,
        "rewards": [("personal", 0.5)], "score": 1.0, "selected": True, "generator": "g",
    }  # fmt: skip


def test_into_a_real_lake_and_out_to_the_feed(make_desk, desk_url, make_context):
    from jobs.publishing.stage import run as publish

    database = make_desk(0)
    ctx = make_context(review={"database": desk_url})
    made_up_night.fill(database, 3, images=ctx.images, candidates=1)
    rows = rows_of(database)
    ctx.lake.replace(
        pa.Table.from_pylist([{**generated(row), "rewards": [("nsfw", 0.1)]} for row in rows], GENERATED_COVERS.schema),
        "generated_covers",
        ds=made_up_night.DS,
    )
    decide(database, rows[0])
    decide(database, rows[1], "reject", reason="ugly")
    with pytest.raises(GateError, match=r"2 decisions of people about 2026-03-29 are not in the lake yet") as caught:
        sync.check_synced(ctx)
    assert caught.value.exit_code == 4
    assert sync.run(ctx).rows == {"cover_decisions": 2}
    assert sync.run(ctx).rows == {"cover_decisions": 0}
    sync.check_synced(ctx)
    publish(ctx)
    assert ctx.lake.read("published_covers")["cover_id"].to_pylist() == [rows[0].cover_id]
    decisions.undo(database, "ann", NOW)
    decide(database, rows_of(database)[1], by="bob")
    assert sync.run(ctx).rows == {"cover_decisions": 2}
    publish(ctx)
    assert sorted(ctx.lake.read("published_covers")["cover_id"].to_pylist()) == sorted(row.cover_id for row in rows[:2])
