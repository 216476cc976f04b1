"""A desk of twelve covers of which two people decide every one, with people, and what they do in one word."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from benchmarks.desk_server import add_people
from conf.settings import Settings
from generation.review.log import decisions
from generation.review.log.schema import cases
from tests.generation.review.conftest import NOW


class People:
    """Who acts on a desk's covers, one minute apart."""

    def __init__(self, database):
        self.database, self.now = database, NOW

    def row(self, place):
        with self.database.reading() as connection:
            return connection.execute(select(cases).order_by(cases.c.id).offset(place).limit(1)).one()

    def do(self, by, kind, place, *, lead=False, **more):
        self.now += timedelta(minutes=1)
        row = self.row(place)
        wish = decisions.Decision(case_id=row.id, kind=kind, by=by, seen=row.last_entry, lead=lead, **more)
        return decisions.decide(self.database, wish, ("ugly",), self.now)


@pytest.fixture
def people(make_desk, request):
    """``people.do("ann", "approve", 0)``; ``double_share`` by the mark ``doubled``."""
    database = make_desk(12, double_share=getattr(request, "param", 1.0))
    add_people(database, Settings(), {"lea": "lead", "ann": "reviewer", "bob": "reviewer", "vic": "viewer"})
    return People(database)
