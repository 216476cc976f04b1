"""Delta tables: partitions beyond their days, small files joined, old versions off the disk; by delta-rs, no JVM.

A file that leaves a table is an old version's file from then on. It stays for ``maintain.version_days``, so that
whoever reads an older version (a running desk, a rollback, a comparison) can go on.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import fsspec
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from conf.errors import TryAgainError, UsageError
from conf.settings import Settings
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import WINDOWS
from jobs.lake.schema.tables import TABLES
from jobs.maintenance.removed import PARTITIONS, SMALL_FILES, VERSIONS, Removed

TARGET_SIZE = 100 * 2**20
"""Bytes of a file after joining, at most; delta-rs' own default."""
KEPT_FOR_EVER = {
    "cover_decisions": "a takedown counts for ever, and no rerun can make a decision again",
    "review_heads": "they prove that the desk's log is whole",
}
"""Tables of which no partition may go, and why."""


class TableFiles:
    """The data files that a table has on its disk, those of old versions and of killed writers too.

    Parameters
    ----------
    lake, table
        Which; it must exist.
    """

    def __init__(self, lake: Lake, table: str) -> None:
        self.filesystem, root = fsspec.url_to_fs(lake.path(table), **lake.storage_options)
        self.root = root.rstrip("/")

    def sizes(self) -> dict[str, int]:
        """Bytes by path relative to the table."""
        found = self.filesystem.find(self.root, detail=True)
        names = {path.removeprefix(self.root).lstrip("/"): each["size"] for path, each in found.items()}
        return {name: size for name, size in names.items() if not name.startswith("_") and name.endswith(".parquet")}

    def relative(self, path: str) -> str:
        """A path as delta-rs names it (relative, absolute or a URL), relative to the table."""
        place = path.partition("://")[2] or path
        return place.removeprefix(self.root).lstrip("/")


@contextmanager
def _nobody_else(table: str) -> Iterator[None]:
    """Turn a lost race into an error that says so.

    Raises
    ------
    TryAgainError
        When another writer, such as a takedown, committed in between.
    """
    try:
        yield
    except CommitFailedError as error:
        raise TryAgainError(
            f"Another writer changed table {table!r} in between; run the same command again."
        ) from error


def check_days(settings: Settings) -> None:
    """See that ``maintain.partition_days`` takes nothing that a night still looks at.

    Raises
    ------
    UsageError
        For a table that does not exist, has no days or keeps them for ever, and for too few days.
    """
    chosen = settings.reward
    least = (
        max(settings.ingest.history_days, WINDOWS[-1]) + chosen.label_days + chosen.test_days + settings.drift.nights
    )
    for table, days in settings.maintain.partition_days.items():
        setting = f"maintain.partition_days.{table}"
        if table not in TABLES:
            near = difflib.get_close_matches(table, TABLES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise UsageError(f"{setting}: there is no table {table!r}{hint}")
        if table in KEPT_FOR_EVER:
            raise UsageError(f"{setting}: this table keeps its rows, {KEPT_FOR_EVER[table]}. Leave it out.")
        if "ds" not in TABLES[table].partition_by:
            raise UsageError(f"{setting}: this table has no days, so none can go. Leave it out.")
        if days < least:
            raise UsageError(
                f"{setting}={days} is too few: features, labels and tests of a night, and the nights it is compared "
                f"with, go {least} days back. Keep at least so many."
            )


def _files(delta: DeltaTable) -> list[dict[str, Any]]:
    """Files of the newest version: ``size_bytes``, and ``partition.ds`` and the like."""
    actions = pa.table(delta.get_add_actions(flatten=True))
    wanted = [name for name in actions.column_names if name == "size_bytes" or name.startswith("partition.")]
    return list(actions.select(wanted).to_pylist())


def drop_partitions(lake: Lake, ds: date, days: Mapping[str, int], *, dry_run: bool) -> Iterator[Removed]:
    """Delete the partitions of tables that are older than their days, as seen from the night ``ds``."""
    for table, kept in days.items():
        if not lake.exists(table):
            continue
        first = (ds - timedelta(days=kept - 1)).isoformat()
        delta = lake.delta(table)
        sizes = [row["size_bytes"] for row in _files(delta) if row["partition.ds"] < first]
        if not sizes:
            continue
        if not dry_run:
            with _nobody_else(table):
                delta.delete(f"ds < '{first}'")
        yield Removed(place=table, why=PARTITIONS, number=len(sizes), size=sum(sizes))


def join_small_files(lake: Lake, table: str, *, dry_run: bool) -> Iterator[Removed]:
    """Rewrite the small files of each partition as few; rows and their order within a file stay.

    A partition with two files under the target size is looked at. What a dry run tells is the most that can go: of
    partitions over the target, delta-rs leaves files whose neighbours are full.
    """
    delta = lake.delta(table)
    small: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in _files(delta):
        if row["size_bytes"] < TARGET_SIZE:
            small[tuple(str(row[f"partition.{name}"]) for name in TABLES[table].partition_by)].append(row["size_bytes"])
    joined = [size for sizes in small.values() if len(sizes) > 1 for size in sizes]
    number, size = len(joined), sum(joined)
    if joined and not dry_run:
        with _nobody_else(table):
            done = delta.optimize.compact(target_size=TARGET_SIZE)
        number, size = done["numFilesRemoved"], sum(joined) if done["numFilesRemoved"] else 0
    if number:
        yield Removed(place=table, why=SMALL_FILES, number=number, size=size)


def old_versions(lake: Lake, table: str, days: float) -> dict[str, int]:
    """Bytes by relative path of files that no version of the last days needs, those of killed writers among them."""
    files = TableFiles(lake, table)
    sizes = files.sizes()
    told = lake.delta(table).vacuum(_hours(days), dry_run=True, enforce_retention_duration=False, full=True)
    gone = {files.relative(path) for path in told}
    return {name: size for name, size in sizes.items() if name in gone}  # those of an earlier vacuum are told again


def remove_old_versions(lake: Lake, table: str, days: float, *, dry_run: bool) -> Iterator[Removed]:
    """Take the files of :func:`old_versions` off the disk; nothing is committed where there are none."""
    old = old_versions(lake, table, days)
    if not old:
        return
    if not dry_run:
        with _nobody_else(table):
            lake.delta(table).vacuum(_hours(days), dry_run=False, enforce_retention_duration=False, full=True)
    yield Removed(place=table, why=VERSIONS, number=len(old), size=sum(old.values()))


def _hours(days: float) -> int:
    return round(24 * days)


def there(lake: Lake) -> list[str]:
    """Tables that exist, in the order of the schema.

    Raises
    ------
    TryAgainError
        When the storage does not answer.
    """
    try:
        return [table for table in TABLES if lake.exists(table)]
    except (DeltaError, OSError) as error:
        raise TryAgainError(f"The tables under {lake.url} cannot be looked at: {error}") from error
