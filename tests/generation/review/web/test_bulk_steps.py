import pytest

from generation.review.log import decisions
from generation.review.web import bulk
from generation.review.web.bulk_steps import steps
from tests.generation.review.conftest import NOW
from tests.generation.review.web.test_bulk import preview


def test_every_step_is_listed_and_can_be_taken_back_later(make_desk):
    database = make_desk(6)
    first = bulk.apply(database, preview(database, limit=2).token, me="lea", now=NOW)
    second = bulk.apply(database, preview(database, kind="reject", reason="ugly").token, me="lea", now=NOW)
    with database.reading() as connection:
        assert [(each.bulk_id, each.kind, each.reason, each.count, each.standing) for each in steps(connection)] == [
            (second.bulk_id, "reject", "ugly", 4, 4),
            (first.bulk_id, "approve", None, 2, 2),
        ]
    with pytest.raises(decisions.BulkStep) as asked:
        decisions.undo(database, "lea", NOW, ask_bulk=True)
    assert asked.value.step == {"id": second.bulk_id, "kind": "reject", "count": 4, "free": 4}
    decisions.undo(database, "lea", NOW, bulk_id=first.bulk_id, ask_bulk=True)
    with database.reading() as connection:
        assert [each.standing for each in steps(connection)] == [4, 0]
        assert [each.count for each in steps(connection, second.bulk_id)] == [4]
