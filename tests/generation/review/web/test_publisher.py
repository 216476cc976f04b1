"""The thread that looks for new nights, and publishing from the desk."""

import threading
from datetime import timedelta

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from generation.review.log import decisions
from generation.review.log.audit import recent
from generation.review.log.database import open_database
from generation.review.log.decisions import Decision
from generation.review.log.live import Published
from generation.review.log.load import known_nights
from generation.review.web.publisher import Publisher, Watch
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS
from tests.generation.review.conftest import NOW, rows_of
from tests.generation.review.log.test_load import decision, night, write

assert night  # a fixture


@pytest.fixture
def database(tmp_path):
    found = open_database(f"sqlite:///{tmp_path}/desk.sqlite", tmp_path)
    yield found
    found.close()


def watch_of(database, ctx, publish=None):
    publisher = Publisher(database, publish)
    return Watch(database, ctx, Published(ctx.lake), publisher), publisher


def test_a_running_desk_hears_of_a_new_policy_and_of_a_new_night(database, night):
    watch, _ = watch_of(database, night)
    watch.look(NOW)
    assert [row.queue for row in rows_of(database)] == ["pending"]
    write(night, [decision("approve", "within-limits: fine", "p2")], COVER_DECISIONS)
    watch.look(NOW)
    assert [(row.queue, row.policy_decision) for row in rows_of(database)] == [("auto", "approve")]
    rows = night.lake.read("generated_covers").to_pylist()
    for row in rows:
        row["ds"] = row["as_of"] = "2026-03-30"
    for table in ("generation_plan", "segments", "item_features"):
        found = night.lake.read(table)
        place = found.schema.get_field_index("ds")
        moved = found.set_column(place, found.schema.field("ds"), pa.array(["2026-03-30"] * found.num_rows))
        write_deltalake(night.lake.path(table), moved, mode="append", partition_by=["ds"])
    write(night, rows, GENERATED_COVERS)
    watch.look(NOW)
    assert watch.newest.isoformat() == "2026-03-30"
    with database.reading() as connection:
        assert known_nights(connection) == ["2026-03-30", "2026-03-29"]


def test_the_timer_publishes_only_what_changes_and_not_too_often(database, make_context, night):
    ctx = make_context(ds="2026-03-29", review={"publish_minutes": 10})
    published = []
    watch, publisher = watch_of(database, ctx, lambda ds: published.append(ds.isoformat()) or "done")
    watch.look(NOW)
    assert published == []
    wish = Decision(case_id=rows_of(database)[0].id, kind="approve", by="ann", seen=0)
    decisions.decide(database, wish, (), NOW)
    for minutes, expected in ((1, 1), (5, 1), (12, 2)):
        watch.look(NOW + timedelta(minutes=minutes))
        publisher.wait()
        assert len(published) == expected
    published = [(line["who"], line["object"]) for line in recent(database) if line["action"] == "publish"]
    assert published == [("timer", "2026-03-29: done")] * 2


def test_one_publish_at_a_time_and_a_failure_is_said(database, make_context):
    going, done = threading.Event(), threading.Event()

    def publish(ds):
        going.set()
        done.wait(20)
        raise RuntimeError("another run is working")

    publisher = Publisher(database, publish)
    ds = make_context().ds
    assert publisher.start(ds, "lea", NOW)
    going.wait(20)
    assert not publisher.start(ds, "lea", NOW)
    done.set()
    publisher.wait()
    assert publisher.said == "Nothing was published: another run is working"
    assert [line["outcome"] for line in recent(database)] == ["failed"]
    assert not Publisher(database, None).start(ds, "lea", NOW)
