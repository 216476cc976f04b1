import pytest
from sqlalchemy import update

from benchmarks import made_up_night
from conf.review import ReviewSettings
from generation.review.log import decisions
from generation.review.log.decisions import Decision
from generation.review.log.live import in_feed, waiting
from generation.review.log.queue import candidates_of
from generation.review.log.schema import cases
from tests.generation.review.conftest import NOW, rows_of

REASONS = ReviewSettings().reasons


def standing(database, live, number=0):
    row = rows_of(database)[number]
    with database.reading() as connection:
        return in_feed(connection, [row], live)[row.id].change


def decide(database, kind, number=0, by="ann", **more):
    row = rows_of(database)[number]
    wish = Decision(case_id=row.id, kind=kind, by=by, seen=row.last_entry, **more)
    return decisions.decide(database, wish, REASONS, NOW)


@pytest.mark.parametrize(
    ("policy", "kind", "off", "on"),
    [
        ("ask", None, "none", "goes"),
        ("approve", None, "comes", "stays"),
        ("reject", None, "none", "goes"),
        ("ask", "approve", "comes", "stays"),
        ("approve", "reject", "none", "goes"),
        ("approve", "pick", "comes", "swaps"),
    ],
)
def test_what_the_next_publish_does(make_desk, policy, kind, off, on):
    database = make_desk(1, policy=policy, candidates=2)
    row = rows_of(database)[0]
    with database.reading() as connection:
        other = candidates_of(connection, [row.id])[row.id][1].cover_id
    if kind:
        decide(database, kind, reason="ugly", cover_id=other if kind == "pick" else None)
    assert standing(database, {}) == off
    assert standing(database, {row.unit_id: row.selected_cover_id}) == on


def test_of_several_units_for_one_place_the_best_goes_out(make_desk):
    database = make_desk(2, policy="approve")
    with database.writing(alone=True) as connection:
        connection.execute(update(cases).values(segment_id="s0", item_id="fox"))
    better, worse = sorted(range(2), key=lambda place: -rows_of(database)[place].score)
    assert (standing(database, {}, better), standing(database, {}, worse)) == ("comes", "none")
    decide(database, "reject", better, reason="ugly")
    assert (standing(database, {}, better), standing(database, {}, worse)) == ("none", "comes")
    decide(database, "approve", worse)
    with database.reading() as connection:
        live = {rows_of(database)[better].unit_id: rows_of(database)[better].selected_cover_id}
        assert waiting(connection, made_up_night.DS, live) == {"live": 1, "comes": 1, "goes": 1}


def test_a_first_answer_of_two_is_not_given_away(make_desk):
    database = make_desk(1, policy="approve", double_share=1.0)
    row = rows_of(database)[0]
    decide(database, "reject", reason="ugly")
    for live, change in (({row.unit_id: row.selected_cover_id}, "stays"), ({}, "none")):
        assert standing(database, live) == change
    decide(database, "reject", by="bob", reason="ugly")
    assert standing(database, {row.unit_id: row.selected_cover_id}) == "goes"


def test_over_the_limit_nothing_comes_but_what_a_lead_let_through(make_desk):
    database = make_desk(1, policy="approve", max_nsfw=0.0)
    assert standing(database, {}) == "none"
    decide(database, "approve", lead=True, reason="a statue")
    assert standing(database, {}) == "comes"
