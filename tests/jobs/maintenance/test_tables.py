import os
from datetime import date
from pathlib import Path

import pytest
from deltalake import write_deltalake

from conf.errors import TryAgainError, UsageError
from conf.maintain import MaintainSettings
from jobs.lake.schema.tables import TABLES
from jobs.maintenance.removed import PARTITIONS, VERSIONS
from jobs.maintenance.tables import check_days, drop_partitions, join_small_files, old_versions, remove_old_versions
from tests.support.worlds.samples import DAY, sample


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"impression": 90}, "did you mean 'impressions'"),
        ({"cover_decisions": 900}, "a takedown counts for ever"),
        ({"items": 90}, "has no days"),
        ({"impressions": 62}, "go 63 days back"),
    ],
)
def test_days_that_a_night_needs_are_not_taken(make_context, days, said):
    settings = make_context().settings
    with pytest.raises(UsageError, match=said):
        check_days(settings.model_copy(update={"maintain": MaintainSettings(partition_days=days)}))
    check_days(settings.model_copy(update={"maintain": MaintainSettings(partition_days={"impressions": 63})}))


def test_partitions_beyond_their_days_go_and_the_version_before_still_has_them(aged):
    lake, ds = aged.ctx.lake, aged.ctx.ds
    before = lake.version("runs")
    (found,) = drop_partitions(lake, ds, {"runs": 2, "judgements": 2}, dry_run=True)
    assert (found.place, found.why, found.number) == ("runs", PARTITIONS, 2)
    assert lake.version("runs") == before
    assert list(drop_partitions(lake, ds, {"runs": 2}, dry_run=False)) == [found]
    assert lake.partitions("runs") == {"2026-03-28", "2026-03-29"}
    assert lake.read("runs", version=before).num_rows == 6
    assert list(drop_partitions(lake, ds, {"runs": 2}, dry_run=False)) == []


def test_a_killed_writers_file_goes_when_it_is_old_and_one_being_written_stays(aged):
    folder = Path(aged.ctx.lake.path("runs"), "ds=2026-03-29")
    for name in ("killed", "running"):
        (folder / f"{name}.parquet").write_bytes(b"half of it")
    os.utime(folder / "killed.parquet", (0, 0))
    assert old_versions(aged.ctx.lake, "runs", 7) == {"ds=2026-03-29/killed.parquet": 10}
    (found,) = remove_old_versions(aged.ctx.lake, "runs", 7, dry_run=False)
    assert (found.why, found.number, found.size) == (VERSIONS, 1, 10)
    assert old_versions(aged.ctx.lake, "runs", 7) == {}


def test_a_lost_race_is_tried_again_later(aged, monkeypatch):
    """A writer that takes a file away between the look at the table and the joining of its files wins."""
    lake, stale = aged.ctx.lake, aged.ctx.lake.delta("runs")
    rows = sample("runs").cast(TABLES["runs"].schema)
    write_deltalake(lake.path("runs"), rows, partition_by=["ds"], mode="overwrite")
    monkeypatch.setattr(lake, "delta", lambda table: stale)
    with pytest.raises(TryAgainError, match="Another writer changed table 'runs'"):
        list(join_small_files(lake, "runs", dry_run=False))


def test_spark_and_the_care_take_turns_over_one_table(new_lake):
    """Files that Spark wrote under constraints are joined and dropped without it, and rows merge by key as before."""
    plan, publish = (new_lake.spark.createDataFrame(sample("runs", stage=name)) for name in ("plan", "publish"))
    assert new_lake.replace(plan.unionByName(publish), "runs", ds=DAY) == 2
    (found,) = join_small_files(new_lake, "runs", dry_run=False)
    assert found.number == 2
    assert new_lake.merge(sample("runs", stage="plan", seconds=9.0), "runs", update=True) == 1
    seconds = {row["stage"]: row["seconds"] for row in new_lake.read("runs").to_pylist()}
    assert seconds == {"plan": 9.0, "publish": 0.5}
    assert [each.why for each in drop_partitions(new_lake, date(2027, 1, 1), {"runs": 63}, dry_run=False)] == [
        PARTITIONS
    ]
    assert new_lake.read("runs").num_rows == 0
