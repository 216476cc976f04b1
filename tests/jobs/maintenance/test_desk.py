from datetime import timedelta

import pytest

from benchmarks import made_up_night
from conf.errors import TryAgainError
from generation.review.log.database import open_database
from generation.review.log.schema import cases
from jobs.maintenance.desk import forget_notices, looked_at, shown_pictures
from jobs.maintenance.run import maintain
from tests.jobs.maintenance.conftest import NOW


def test_no_desk_names_nothing(aged):
    with looked_at(aged.ctx) as connection:
        assert connection is None
    assert list(forget_notices(aged.ctx, NOW, dry_run=False)) == []


@pytest.mark.parametrize("runs", [True, False])
def test_pictures_that_the_desk_shows_stay_and_a_look_writes_nothing(aged, runs):
    database = open_database(None, aged.ctx.home)
    made_up_night.fill(database, 3)
    with database.writing() as connection:
        connection.execute(cases.update().values(reference_cover_id=aged.pictures["orphan"]))
    if not runs:
        database.close()
    before = aged.bytes_of_everything()
    with looked_at(aged.ctx) as connection:
        shown = shown_pictures(connection)
    maintain(aged.ctx, NOW, dry_run=True)
    after = aged.bytes_of_everything()
    assert {path: after[path] for path in before if not path.name.endswith("-shm")} == {
        path: before[path] for path in before if not path.name.endswith("-shm")
    }
    assert set(after) == set(before)
    assert len(shown) == 1 + 3 * 2  # the reference, and two candidates a unit
    maintain(aged.ctx, NOW + timedelta(days=1))
    assert aged.has("orphan")
    assert not aged.has("forgotten")
    database.close()


def test_a_desk_that_does_not_answer_stops_the_care_before_a_picture_goes(aged):
    review = {"database": "postgresql://nobody@127.0.0.1:9/none"}
    aged.ctx.settings = aged.ctx.settings.model_validate({**aged.ctx.settings.model_dump(), "review": review})
    with pytest.raises(TryAgainError, match="does not answer"):
        maintain(aged.ctx, NOW)
    assert aged.has("orphan")
