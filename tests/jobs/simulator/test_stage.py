import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import UsageError
from jobs.ingest import stage as ingest
from jobs.simulator import played_day, stage
from jobs.simulator.model import World

SMALL = {"users": 60, "impressions": 4000, "days": 8, "play_multiplier": 4.0}
LAST = "2026-03-09"


def test_world_ingest_play_ingest(small_pack, make_context, spark_lake):
    context = make_context(ds=LAST, world=SMALL)
    made = stage.run(context)
    world = World(context.settings.world)
    held_out = {code for code, new in zip(world.items.item_ids, world.items.held_out, strict=True) if new}
    root = context.home / "input"
    assert json.loads((root / "world.json").read_text())["users"] == 60
    assert sorted(path.name for path in (root / "impressions").iterdir()) == [
        f"ds=2026-03-0{day}" for day in range(2, 10)
    ]

    loaded = ingest.run(context)
    assert loaded.rows == made.rows | {"quarantine": 0}
    log = context.lake.read("impressions", columns=["ds", "item_id"])
    assert set(log["ds"].to_pylist()) == {f"2026-03-0{day}" for day in range(2, 10)}
    assert not held_out & set(log["item_id"].to_pylist())
    covers = context.lake.read("covers").to_pylist()
    assert len(covers) == world.items.covers.sum()
    assert {row["width"] for row in covers} == {64}
    assert sum(row["is_default"] for row in covers) == world.items.size
    items = {row["item_id"]: row["created_at"] for row in context.lake.read("items").to_pylist()}
    assert all(row["created_at"] == items[row["item_id"]] for row in covers)

    target = next(code for code in sorted(held_out) if world.items.default[world.items.item_ids.index(code)] != 2)
    users = pa.table({"user_id": world.user_ids, "segment_id": ["s0"] * 60, "distance": np.zeros(60)})
    context.lake.replace(users, "user_segments", ds=LAST)
    painted = context.images.put(small_pack.bytes(target, "twemoji"))  # stands for a painted cover
    published = {"item_id": target, "segment_id": "s0", "cover_id": painted, "unit_id": "u", "decision_id": "d"}
    context.lake.replace(pa.Table.from_pylist([published]), "published_covers", ds=LAST)
    cover = covers[0] | {"cover_id": painted, "item_id": target, "source": "generated", "is_default": False}
    context.lake.merge(pa.Table.from_pylist([cover | {"unit_id": "u"}]), "covers")
    played = played_day.run(context)
    assert 0.2 < played.metrics["new_item_share"] < 0.5
    next_day = context.lake.read("impressions", ds="2026-03-10").to_pylist()
    assert len(next_day) == played.rows["impressions"]
    shown = {row["cover_id"] for row in next_day if row["item_id"] == target and row["policy"].startswith("published")}
    assert shown == {painted}
    arms = {"published", "control"}
    assert {row["policy"] for row in next_day} == arms | {f"{arm}-explore-rank" for arm in arms}

    # Written again, the world forgets the played day and is otherwise the same.
    before = pq.read_table(root / "impressions" / "ds=2026-03-05")
    stage.run(context)
    assert pq.read_table(root / "impressions" / "ds=2026-03-05").equals(before)
    assert not (root / "impressions" / "ds=2026-03-10").exists()


def test_big_worlds_are_written_by_spark(small_pack, make_context, monkeypatch):
    asked = []
    monkeypatch.setattr(stage, "write_blocks_by_spark", lambda *arguments: asked.append(arguments) or (1, 0))
    context = make_context(world={"users": 30, "impressions": 50_000, "scale": 101.0})
    world = World(context.settings.world)
    assert stage.write_log(context, world, context.home) == (1, 0)
    assert len(asked[0][3]) == 28


def test_somebody_elses_logs_are_not_replaced(make_context):
    context = make_context(world=SMALL)
    mine = context.home / "input" / "impressions" / "mine.parquet"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    with pytest.raises(UsageError, match=r"ingest\.source=files"):
        stage.run(context)
    assert mine.read_text() == "precious"


def test_a_bucket_is_no_place_for_the_world(make_context):
    with pytest.raises(UsageError, match="mounted folder"):
        stage.run(make_context(ingest={"input": "s3://bucket/input"}))
