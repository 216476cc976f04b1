"""Blocks of the log written by Spark and without it."""

from datetime import date, timedelta

import pyarrow.parquet as pq

from conf.settings import WorldSettings
from jobs.simulator.log.files import write_blocks, write_blocks_by_spark
from jobs.simulator.model import World


def test_spark_writes_the_same_blocks(tmp_path, spark_lake, pack):
    settings = WorldSettings(users=12_000, impressions=24_000, days=8, start=date(2026, 3, 2))
    days = [settings.start + timedelta(days=number) for number in range(2)]
    here = [sum(part) for part in zip(*write_blocks(World(settings, pack), tmp_path / "here", days), strict=True)]
    there = write_blocks_by_spark(spark_lake.spark, settings, tmp_path / "there", days, 2)
    assert tuple(here) == there
    files = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.parquet"))
    assert [str(file) for file in files] == [
        f"ds=2026-03-0{day}/block-0000{block}.parquet" for day in (2, 3) for block in (0, 1)
    ]
    for file in files:
        assert pq.read_table(tmp_path / "here" / file).equals(pq.read_table(tmp_path / "there" / file))
    users = {
        block: set(
            pq.read_table(tmp_path / "here" / "ds=2026-03-02" / f"block-0000{block}.parquet")["user_id"].to_pylist()
        )
        for block in (0, 1)
    }
    assert max(users[0]) < "u0010000" <= min(users[1])
