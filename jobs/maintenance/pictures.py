"""Pictures, unit records and histories that nothing names any more.

A picture is named by a row of any version of any table that can still be read, by the record of a unit that such a row
names, or by the reviewers' desk. Whatever else lies in the store is left alone.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generation.store import UnitStore
from jobs.lake.images import ImageStore
from jobs.lake.lake import Lake
from jobs.maintenance.removed import ORPHANS, Removed
from jobs.maintenance.tables import TableFiles, old_versions, there

ID = r"[0-9a-f]{64}"
PLACES = {
    "pictures": re.compile(rf"[0-9a-f]{{2}}/({ID})(?:\.[0-9a-f]{{32}}\.part)?"),
    "units": re.compile(rf"units/[0-9a-f]{{2}}/({ID})\.json(?:\.[0-9a-f]{{32}}\.part)?"),
    "histories": re.compile(rf"histories/[0-9a-f]{{2}}/({ID})\.f32(?:\.[0-9a-f]{{32}}\.part)?"),
}
"""What the store holds, by its path; what a killed writer left (``.part``) goes like its whole."""
READERS = 8
TIMES = ("mtime", "LastModified", "last_modified")
"""How file systems of fsspec call the time of the last write."""


@dataclass(kw_only=True)
class Names:
    """Ids that are named."""

    pictures: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    histories: set[str] = field(default_factory=set)
    planned: set[str] = field(default_factory=set)
    """Units of plans."""
    painted: set[str] = field(default_factory=set)
    """Units whose pictures all have a row of their own."""

    def add(self, table: str, column: str, ids: set[str]) -> None:
        """Take over the ids of a column."""
        if "cover" in column:
            self.pictures |= ids
        elif "history_id" in column:
            self.histories |= ids
        else:
            self.units |= ids
            self.planned |= ids if table == "generation_plan" else set()
            self.painted |= ids if table == "generated_covers" else set()


def named(lake: Lake, version_days: float) -> Names:
    """What rows name, of all versions that stay after those older than ``version_days`` are gone."""
    names = Names()
    for table in there(lake):
        files, gone = TableFiles(lake, table), old_versions(lake, table, version_days)
        paths = [f"{files.root}/{name}" for name in files.sizes() if name not in gone]
        with ThreadPoolExecutor(READERS) as pool:
            for found in pool.map(lambda path, of=files.filesystem: _ids_of_file(of, path), paths):
                for column, ids in found.items():
                    names.add(table, column, ids)
    return names


def _ids_of_file(filesystem: fsspec.AbstractFileSystem, path: str) -> dict[str, set[str]]:
    """Ids by column of one Parquet file, read batch by batch."""
    found: dict[str, set[str]] = {}
    with filesystem.open(path, "rb") as stream, pq.ParquetFile(stream) as file:
        leaves = [file.schema.column(place).path for place in range(len(file.schema.names))]
        for leaf in leaves:
            column = leaf.partition(".")[0]
            if not _names_something(leaf):
                continue
            for batch in file.iter_batches(columns=[leaf]):
                found.setdefault(f"{column}.{leaf}", set()).update(_texts(batch.column(0)))
    return found


def _names_something(leaf: str) -> bool:
    return any(part in ("history_id", "unit_id") or "cover" in part for part in leaf.split("."))


def _texts(array: pa.Array) -> set[str]:
    """The distinct ids in an array of texts, of lists or of structs of them."""
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _texts(pc.list_flatten(array))
    if pa.types.is_struct(array.type):
        return set().union(*(_texts(child) for child in array.flatten()))
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return set()
    return {text for text in pc.unique(array).to_pylist() if text is not None}


def with_planned(names: Names, images: ImageStore) -> Names:
    """The names, with the pictures of units that a plan names and no row of a picture: painted by a killed night."""
    units = UnitStore(images).find_all(sorted(names.planned - names.painted))
    names.pictures.update(cover for unit in units.values() for cover in unit.cover_ids)
    return names


def orphans(images: ImageStore, names: Names, before: datetime) -> dict[str, dict[str, int]]:
    """Bytes by path of what nothing names and was last written before a time, by the kinds of :data:`PLACES`."""
    filesystem, root = fsspec.url_to_fs(images.url, **images.storage_options)
    found: dict[str, dict[str, int]] = {kind: {} for kind in PLACES}
    if not filesystem.exists(root):
        return found
    for path, each in filesystem.find(root, detail=True).items():
        name = path.removeprefix(root).lstrip("/")
        for kind, pattern in PLACES.items():
            match = pattern.fullmatch(name)
            kept = match is None or (match[1] in getattr(names, kind) and not name.endswith(".part"))
            if not kept and _written(each) < before.timestamp():
                found[kind][path] = each["size"]
    return found


def _written(entry: dict[str, Any]) -> float:
    """When a file was last written, seconds; what tells no time counts as written just now."""
    told = next((entry[name] for name in TIMES if entry.get(name) is not None), float("inf"))
    return told.timestamp() if isinstance(told, datetime) else float(told)


def remove_orphans(images: ImageStore, names: Names, before: datetime, *, dry_run: bool) -> Iterator[Removed]:
    """Remove the files of :func:`orphans`, records before the pictures that they name."""
    found = orphans(images, names, before)
    for kind in ("units", "histories", "pictures"):
        if found[kind] and not dry_run:
            _delete(images, found[kind])
        if found[kind]:
            yield Removed(place=kind, why=ORPHANS, number=len(found[kind]), size=sum(found[kind].values()))


def _delete(images: ImageStore, paths: Iterable[str]) -> None:
    filesystem, _ = fsspec.url_to_fs(images.url, **images.storage_options)
    for path in paths:
        filesystem.rm_file(path)
