"""The whole care of a home: what may go goes, what anybody could still need stays, and again does nothing."""

from jobs.maintenance.removed import LOGS, ORPHANS, SMALL_FILES, VERSIONS
from jobs.maintenance.run import maintain
from tests.jobs.maintenance.conftest import NIGHTS, NOW


def told(removed):
    return {(each.place, each.why): each.number for each in removed}


EVERYTHING = {
    ("runs", SMALL_FILES): 6,
    ("published_covers", VERSIONS): 1,
    ("units", ORPHANS): 1,
    ("pictures", ORPHANS): 2,
    ("logs", LOGS): 1,
}


def test_a_dry_run_tells_what_would_go_and_changes_no_byte(aged):
    before = aged.bytes_of_everything()
    found = maintain(aged.ctx, NOW, dry_run=True)
    assert told(found) == EVERYTHING
    assert aged.bytes_of_everything() == before
    assert [each.size for each in found] == [each.size for each in maintain(aged.ctx, NOW)]


def test_what_nobody_needs_goes_and_the_rest_stays_readable(aged):
    lake, before = aged.ctx.lake, sorted(map(str, aged.ctx.lake.read("runs").to_pylist()))
    assert told(maintain(aged.ctx, NOW)) == EVERYTHING
    assert {name for name in aged.pictures if aged.has(name)} == {"published", "replaced", "killed", "young"}

    (row,) = lake.read("published_covers", ds="2026-03-29").to_pylist()
    assert aged.ctx.images.get(row["cover_id"]) == b"published"
    (row,) = lake.read("published_covers", version=1).to_pylist()  # replaced today
    assert aged.ctx.images.get(row["cover_id"]) == b"replaced"
    assert sorted(map(str, lake.read("runs").to_pylist())) == before
    assert len(lake.delta("runs").file_uris()) == len(NIGHTS)
    assert [path.name for path in (aged.ctx.home / "logs").iterdir()] == ["triton.log"]

    version, everything = lake.version("runs"), aged.bytes_of_everything()
    assert maintain(aged.ctx, NOW) == []
    assert lake.version("runs") == version
    assert aged.bytes_of_everything() == everything


def test_pictures_stay_where_several_homes_share_the_store(aged):
    settings = aged.ctx.settings
    aged.ctx.settings = settings.model_copy(
        update={"maintain": settings.maintain.model_copy(update={"orphan_days": None})}
    )
    assert {why for _, why in told(maintain(aged.ctx, NOW))} == {SMALL_FILES, VERSIONS, LOGS}
    assert aged.has("orphan")
