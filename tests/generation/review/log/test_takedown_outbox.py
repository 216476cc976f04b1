"""Takedowns on their way to the lake: what fails stays open and is tried again."""

from sqlalchemy import select

from generation.review.log import decisions
from generation.review.log.schema import takedowns
from generation.review.log.takedown_outbox import carry_out, carry_out_all, open_takedowns
from tests.generation.review.conftest import NOW, rows_of


def take_down(database, place):
    row = rows_of(database)[place]
    return decisions.take_down(database, case_id=row.id, cover_id=row.cover_id, by="ann", reason="brand", now=NOW)


def test_what_the_lake_refuses_stays_open_with_the_reason(make_desk):
    database, told = make_desk(3), []
    first, second = take_down(database, 0), take_down(database, 1)

    def lake(cover, reason, by, ds):
        told.append((cover, reason, by, ds.isoformat()))
        if cover == first.cover_id and len(told) < 3:
            raise OSError("the lake is away")
        return "1 published rows removed"

    assert open_takedowns(database) == [first.seq, second.seq]
    assert carry_out_all(database, lake, NOW) == 1
    assert open_takedowns(database) == [first.seq]
    with database.reading() as connection:
        outcome = connection.execute(select(takedowns.c.outcome).where(takedowns.c.seq == first.seq)).scalar()
    assert outcome == "OSError: the lake is away"
    assert carry_out(database, lake, first.seq, NOW)
    assert open_takedowns(database) == []
    row = rows_of(database)[0]
    assert told[0] == told[2] == (row.cover_id, "brand", "person:ann", row.ds)
