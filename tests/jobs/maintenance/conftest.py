"""A home of three nights with old and young versions, pictures, units and logs, written without Spark."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import write_deltalake

from generation.store import UnitStore
from jobs.lake.schema.tables import TABLES
from tests.support.worlds.samples import sample

NOW = datetime.now(UTC)
"""Of the machine: delta-rs knows no other clock."""
OLD = NOW - timedelta(days=40)
NIGHTS = ("2026-03-27", "2026-03-28", "2026-03-29")
UNITS = {name: name * 32 for name in ("aa", "bb", "cc")}


class AgedHome:
    """The context, and words for what lies in its home.

    ``published`` is in the feed, ``replaced`` was published by a version that is still within its days, ``forgotten``
    by one that is not; ``killed`` was painted for a plan and has no row, ``orphan`` and ``young`` are named by nothing.
    """

    def __init__(self, ctx):
        self.ctx = ctx
        names = ("published", "replaced", "forgotten", "orphan", "young")
        self.pictures = {name: ctx.images.put(name.encode()) for name in names}
        store = UnitStore(ctx.images)
        self.pictures["killed"] = store.add(unit_id=UNITS["bb"], generator="g", pictures=[b"killed"]).cover_ids[0]
        store.add(unit_id=UNITS["cc"], generator="g", pictures=[b"orphan"])
        self.write("generation_plan", ds="2026-03-29", unit_id=UNITS["bb"], reference_cover_id="0" * 64, history_id="")
        for ds in NIGHTS:
            self.write("runs", ds=ds)
            self.write("runs", ds=ds, stage="plan")
        for cover in ("forgotten", "replaced", "published"):
            self.publish(self.pictures[cover])
        self.backdate("published_covers", version=1)
        (ctx.home / "logs").mkdir()
        for name in ("triton.log", "old.log"):
            (ctx.home / "logs" / name).write_text(name)
        for path in (*Path(ctx.images.url).rglob("*"), ctx.home / "logs" / "old.log"):
            if path.is_file() and path.name != self.pictures["young"]:
                os.utime(path, (OLD.timestamp(), OLD.timestamp()))

    def write(self, table, **changes):
        """Append a row by a file of its own."""
        rows = sample(table, **changes).cast(TABLES[table].schema)
        partitions = list(TABLES[table].partition_by) or None
        write_deltalake(self.ctx.lake.path(table), rows, partition_by=partitions, mode="append")

    def publish(self, cover):
        """Replace what the feed shows by one cover, as a publishing does."""
        rows = sample("published_covers", ds="2026-03-29", unit_id=UNITS["aa"], cover_id=cover)
        rows = rows.cast(TABLES["published_covers"].schema)
        place = self.ctx.lake.path("published_covers")
        write_deltalake(place, rows, partition_by=["ds"], mode="overwrite")

    def backdate(self, table, version):
        """Let the files that a version replaced have been replaced long ago, and have been written before that."""
        folder = Path(self.ctx.lake.path(table))
        log = folder / "_delta_log" / f"{version:020d}.json"
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                action["remove"]["deletionTimestamp"] = int(OLD.timestamp() * 1000)
                os.utime(folder / action["remove"]["path"], (OLD.timestamp(), OLD.timestamp()))
        log.write_text("".join(json.dumps(action) + "\n" for action in actions))

    def has(self, name):
        return self.ctx.images.exists(self.pictures[name])

    def bytes_of_everything(self):
        """Path -> bytes and time, of every file."""
        files = [path for path in self.ctx.home.rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def aged(make_context):
    return AgedHome(make_context())
