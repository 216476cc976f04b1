import pytest

from benchmarks import made_up_night
from conf.errors import Conflict, Refused, Unknown
from conf.review import ReviewSettings
from generation.review.log import decisions, queue
from generation.review.log.decisions import Decision
from generation.review.log.queue import Filter
from generation.review.log.sealing import chain
from jobs.lake.schema.review import OVER_LIMIT
from tests.generation.review.conftest import NOW, rows_of

DS = made_up_night.DS
REASONS = ReviewSettings().reasons
PENDING = Filter(ds=DS, tab="pending")


def decide(database, row, kind="approve", by="ann", **more):
    wish = {"seen": row.last_entry, "reason": "ugly" if kind == "reject" else None, **more}
    return decisions.decide(database, Decision(case_id=row.id, kind=kind, by=by, **wish), REASONS, NOW)


def row_of(database, number=0):
    return rows_of(database)[number]


def test_decide_and_undo_come_back_to_the_start(make_desk):
    database = make_desk()
    before = row_of(database)
    decide(database, before, "reject", note="\x00too dark")
    after = row_of(database)
    assert (after.queue, after.verdict, after.reason, after.decided_by) == ("done", "reject", "ugly", "ann")
    undone = decisions.undo(database, "ann", NOW)
    assert undone.undoes == (1,)
    again = row_of(database)
    assert again._replace(last_entry=0) == before
    with pytest.raises(Refused, match="nothing of yours"):
        decisions.undo(database, "ann", NOW)


def test_another_candidate_can_be_picked(make_desk):
    database = make_desk(candidates=3)
    row = row_of(database)
    with database.reading() as connection:
        others = [each.cover_id for each in queue.candidates_of(connection, [row.id])[row.id]][1:]
    decide(database, row, "pick", cover_id=others[1])
    assert row_of(database).cover_id == others[1]
    assert row_of(database).verdict == "approve"
    for wrong in (row.selected_cover_id, "0" * 64, None):
        with pytest.raises(Refused, match="not another candidate"):
            decide(database, row_of(database, 1), "pick", cover_id=wrong)


def test_over_the_safety_limit_a_lead_approves_with_a_reason_and_nobody_else(make_desk):
    database = make_desk(1, candidates=2, max_nsfw=0.0)  # every made-up cover lies over it
    row = row_of(database)
    with database.reading() as connection:
        other = queue.candidates_of(connection, [row.id])[row.id][1].cover_id
    for more in ({"kind": "approve"}, {"kind": "pick", "cover_id": other}):
        with pytest.raises(Refused, match=r"over the safety limit \(0\.\d{3} > 0\): only a lead"):
            decide(database, row, **more, reason="fine")
        with pytest.raises(Refused, match="needs a reason in your words"):
            decide(database, row, **more, by="lea", lead=True, reason=" ")
    decide(database, row, by="lea", lead=True, reason="a statue in a museum")
    after = row_of(database)
    assert (after.verdict, after.reason) == (
        "approve",
        f"{OVER_LIMIT}{row.nsfw:.3f} > 0: a statue in a museum",
    )
    decide(database, after, "reject", by="ann")  # rejecting is everybody's


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("reject", {"reason": None}, "needs one of the reasons wrong subject"),
        ("reject", {"reason": "because"}, "needs one of the reasons"),
        ("note", {"note": "  "}, "needs words"),
        ("publish", {}, "no decision 'publish'"),
    ],
)
def test_what_is_not_whole_is_refused(make_desk, kind, more, error):
    database = make_desk()
    with pytest.raises(Refused, match=error):
        decide(database, row_of(database), kind, **more)
    with database.reading() as connection:
        assert chain.head(connection)[0] == 0


def test_the_second_of_two_who_decide_at_once_is_told(make_desk):
    database = make_desk()
    row = row_of(database)
    decide(database, row, by="ann")
    with pytest.raises(Conflict, match="ann decided this cover after you opened it"):
        decide(database, row, "reject", by="bob")
    with pytest.raises(Unknown):
        decide(database, row._replace(id=10**6))


def test_a_decision_sent_twice_is_one(make_desk):
    database = make_desk()
    row = row_of(database)
    first = decide(database, row, key="k" * 16)
    assert decide(database, row, key="k" * 16) == first
    with pytest.raises(Refused, match="another decision"):
        decide(database, row, by="bob", key="k" * 16)


def test_nobody_undoes_what_somebody_built_on(make_desk):
    database = make_desk()
    decide(database, row_of(database), by="ann")
    decide(database, row_of(database), "reject", by="bob")
    with pytest.raises(Conflict, match="Somebody decided after you"):
        decisions.undo(database, "ann", NOW)
    decisions.undo(database, "bob", NOW)
    assert row_of(database).decided_by == "ann"
    decisions.undo(database, "ann", NOW)
    assert row_of(database).queue == "pending"


def test_two_people_decide_without_seeing_each_other(make_desk):
    database = make_desk(double_share=1.0)
    row = row_of(database)
    decide(database, row, "approve", by="ann")
    with pytest.raises(Conflict, match="another person's is awaited"):
        decide(database, row_of(database), by="ann")
    with database.reading() as connection:
        assert row.id not in [each.id for each in queue.page(connection, PENDING, me="ann")]
        assert row.id in [each.id for each in queue.page(connection, PENDING, me="bob")]
    decide(database, row, "reject", by="bob")  # from a page that was open before ann answered
    assert row_of(database).queue == "disputed"
    with pytest.raises(Conflict, match="a lead settles it"):
        decide(database, row_of(database), by="cid")
    with pytest.raises(Refused, match="other than the two"):
        decide(database, row_of(database), by="ann", lead=True)
    decide(database, row_of(database), by="lea", lead=True)
    settled = row_of(database)
    assert (settled.queue, settled.verdict, settled.decided_by) == ("done", "approve", "lea")
    with database.reading() as connection:
        for name in ("ann", "bob", "lea"):
            assert [each.id for each in queue.page(connection, Filter(ds=DS, tab="mine"), me=name)] == [row.id]
        assert queue.page(connection, Filter(ds=DS, tab="all", reviewer="cid"), me="ann") == []


def test_a_takedown_is_for_good_and_in_every_unit(make_desk):
    database = make_desk(candidates=1)
    row = row_of(database)
    with pytest.raises(Refused, match="needs a reason"):
        decisions.take_down(database, case_id=row.id, cover_id=row.cover_id, by="ann", reason=" ", now=NOW)
    decisions.take_down(database, case_id=row.id, cover_id=row.cover_id, by="ann", reason="rude", now=NOW)
    down = row_of(database)
    assert (down.queue, down.verdict, down.reason) == ("done", "takedown", "rude")
    with pytest.raises(Conflict, match="cannot be changed"):
        decide(database, down, by="lea", lead=True)
    with pytest.raises(Refused, match="nothing of yours"):
        decisions.undo(database, "ann", NOW)


def test_reviewers_are_given_different_covers(make_desk):
    database = make_desk(12)
    taken = {
        name: [row.id for row in queue.take(database, PENDING, me=name, now=NOW, minutes=10, after=None, limit=5)]
        for name in ("ann", "bob", "cid")
    }
    assert [len(ids) for ids in taken.values()] == [5, 5, 2]
    assert len(set().union(*taken.values())) == 12
    later = NOW.replace(minute=11)
    again = queue.take(database, PENDING, me="dee", now=later, minutes=10, after=None, limit=12)
    assert len(again) == 12
