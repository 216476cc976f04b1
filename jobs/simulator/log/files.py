"""Writing the world as input files, as docs/input-contract.md describes them."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.errors import UsageError
from conf.settings import WorldSettings
from jobs.lake.schema.feed import ITEMS
from jobs.simulator.log.impressions import Campaign, blocks_of, day_block
from jobs.simulator.model import World

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MARKER = "world.json"
"""Lies beside impressions/, items/ and covers/: this folder is the world's to rewrite."""

COVERS_SCHEMA = pa.schema(
    [
        pa.field("cover_id", pa.string()),
        pa.field("item_id", pa.string()),
        pa.field("is_default", pa.bool_()),
        pa.field("mime", pa.string()),
        pa.field("data", pa.binary()),
    ]
)

TASKS = 64
"""Spark tasks that the blocks of a large world are spread over."""


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file that appears under its name in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    pq.write_table(table, partial, compression="zstd")
    partial.replace(path)


def item_rows(world: World) -> pa.Table:
    """Every item, held-out ones with their launch as date of creation."""
    items = world.items
    return pa.table(
        {
            "item_id": list(items.item_ids),
            "title": [subject.labels["en"] for subject in items.pack.subjects],
            "category": [subject.group for subject in items.pack.subjects],
            "tags": [subject.tags["en"] for subject in items.pack.subjects],
            "created_at": list(items.created_at),
            "labels": [list(subject.labels.items()) for subject in items.pack.subjects],
            "words": [list(subject.tags.items()) for subject in items.pack.subjects],
        },
        schema=ITEMS.schema,
    )


def cover_rows(world: World) -> pa.Table:
    """Every cover with its bytes: all drawings, but only the default one of held-out items."""
    items = world.items
    rows = [
        {
            "cover_id": items.cover_ids[number, family],
            "item_id": code,
            "is_default": bool(items.default[number] == family),
            "mime": "image/webp",
            "data": items.pack.bytes(code, items.pack.families[family]),
        }
        for number, code in enumerate(items.item_ids)
        for family in range(len(items.pack.families))
        if items.covers[number, family]
    ]
    return pa.Table.from_pylist(rows, schema=COVERS_SCHEMA)


def write_block(world: World, folder: Path, day: date, block: int, campaign: Campaign | None = None) -> tuple[int, int]:
    """Write one block of one day under ``folder``; return its numbers of impressions and clicks."""
    table = day_block(world, day, block, campaign=campaign)
    write_table(table, folder / f"ds={day}" / f"block-{block:05d}.parquet")
    return table.num_rows, pc.sum(table["clicked"]).as_py() or 0


def write_blocks_by_spark(
    spark: "SparkSession", settings: WorldSettings, folder: Path, days: list[date], blocks: int
) -> tuple[int, int]:
    """Write all blocks in Spark tasks; each task rebuilds the world from its settings.

    The folder must be mounted on every worker.

    Returns
    -------
    tuple
        Impressions and clicks written.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        world = World(settings)
        for batch in batches:
            done = [
                write_block(world, folder, date.fromisoformat(row["day"]), row["block"]) for row in batch.to_pylist()
            ]
            impressions, clicks = (list(column) for column in zip(*done, strict=True)) if done else ([], [])
            yield pa.RecordBatch.from_pydict(
                {"impressions": pa.array(impressions, pa.int64()), "clicks": pa.array(clicks, pa.int64())}
            )

    chunks = [(day.isoformat(), block) for day in days for block in range(blocks)]
    frame = spark.createDataFrame(chunks, "day string, block int").repartition(min(TASKS, len(chunks)))
    done = frame.mapInArrow(write, "impressions bigint, clicks bigint").toArrow()
    return pc.sum(done["impressions"]).as_py(), pc.sum(done["clicks"]).as_py()


def write_blocks(world: World, folder: Path, days: list[date]) -> Iterator[tuple[int, int]]:
    """Write all blocks in this process; yields impressions and clicks of each."""
    for day in days:
        for block in range(len(blocks_of(world))):
            yield write_block(world, folder, day, block)


def check_ours(root: Path) -> None:
    """Refuse to replace a folder that holds anything the world did not write.

    Raises
    ------
    UsageError
        The folder has files and no marker.
    """
    if root.exists() and any(root.iterdir()) and not (root / MARKER).exists():
        raise UsageError(
            f"{root} holds files that the stickers world did not write, and the world would replace them. "
            "For your own logs set ingest.source=files; otherwise move them away or choose another home."
        )


def check_same(world: World, root: Path) -> None:
    """Refuse to go on from a log that was made with other settings.

    Raises
    ------
    UsageError
        The folder holds no world, or another one; the settings that differ are named.
    """
    if not (root / MARKER).exists():
        raise UsageError(f"{root} holds no stickers world: run `coverlift world --ds {world.last_day}` first.")
    asked = world.settings.model_dump(mode="json")
    there = WorldSettings().model_dump(mode="json") | json.loads((root / MARKER).read_text())
    differ = [
        f"world.{key}={there.get(key)}, not {asked.get(key)}"
        for key in sorted(there.keys() | asked.keys())
        if there.get(key) != asked.get(key)
    ]
    if differ:
        raise UsageError(
            f"{root} holds another world: {'; '.join(differ)}. Use the settings that it was made with, or another home."
        )


def write_marker(world: World, root: Path) -> None:
    """Record the settings that the folder was made with."""
    (root / MARKER).write_text(json.dumps(world.settings.model_dump(mode="json"), indent=1) + "\n")


def swap(fresh: Path, target: Path) -> None:
    """Put a finished folder in the place of another.

    Killed in between, the target may be absent until the stage runs again, but never half written.
    """
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
