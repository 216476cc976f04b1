"""Where an import writes: beside its output until all of it is there, each file in one step."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import UsageError
from jobs.ingest.importers.rows import REFUSED, Tally

MARKER = "import.json"
"""File of an output that says what it was made of; an output without it is somebody else's."""
RECIPE = "recipe.json"
"""File of an unfinished import that says what it is made of."""
REFUSED_ROWS = 50_000
"""Refused rows that are held before they are written."""


def write_table(frame: pl.DataFrame | pa.Table, path: Path) -> None:
    """Write a Parquet file; killed in between, there is none of that name."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()) if isinstance(frame, pl.DataFrame) else frame
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    pq.write_table(_plain(table), draft, compression="zstd")
    draft.rename(path)


def _plain(table: pa.Table) -> pa.Table:
    """With 32-bit offsets, as other readers expect text."""
    kinds = {pa.large_string(): pa.string(), pa.large_list(pa.large_string()): pa.list_(pa.string())}
    return table.cast(pa.schema([field.with_type(kinds.get(field.type, field.type)) for field in table.schema]))


def write_json(value: dict[str, Any], path: Path) -> None:
    """Write a JSON file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    draft.rename(path)


class Quarantine:
    """Refused rows of one step, in files of bounded size; what an earlier try of the step left is removed.

    Parameters
    ----------
    folder
        Of the source, e.g. ``quarantine/impressions``.
    step
        How the files' names begin.
    """

    def __init__(self, folder: Path, step: str) -> None:
        self.folder, self.step = folder, step
        self.parts, self.held = 0, pl.DataFrame(schema=REFUSED)
        for left in folder.glob(f"{step}-*.parquet"):
            left.unlink()

    def add(self, bad: pl.DataFrame) -> None:
        """Keep refused rows: ``row`` and ``reasons``."""
        if bad.height:
            self.held = pl.concat([self.held, bad])
        if self.held.height >= REFUSED_ROWS:
            self.close()

    def close(self) -> None:
        """Write what is held."""
        if self.held.height:
            write_table(self.held, self.folder / f"{self.step}-{self.parts:05}.parquet")
            self.parts, self.held = self.parts + 1, self.held.clear()


def staging_of(out: Path) -> Path:
    """The folder in which an import of an output works.

    Raises
    ------
    UsageError
        The output holds files that no import wrote.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARKER).exists())):
        raise UsageError(f"{out} holds files that no import wrote: move them away or choose another --out.")
    return out.with_name(f".{out.name}.importing")


class Staging:
    """The folders of an unfinished import, hidden beside its output.

    ``feed`` becomes the output; ``work`` holds what a rerun goes on from. Both are begun anew unless they are of the
    same data set, options and files.

    Parameters
    ----------
    out
        The output.
    recipe
        All that decides it.

    Raises
    ------
    UsageError
        See :func:`staging_of`.
    """

    def __init__(self, out: Path, recipe: dict[str, Any]) -> None:
        self.out, self.root = out, staging_of(out)
        self.feed, self.work = self.root / "feed", self.root / "work"
        told = self.work / RECIPE
        as_json = json.loads(json.dumps(recipe))
        self.resumed = self.feed.is_dir() and told.exists() and json.loads(told.read_text(encoding="utf-8")) == as_json
        if not self.resumed:
            for folder in (self.feed, self.work):
                shutil.rmtree(folder, ignore_errors=True)
            self.feed.mkdir(parents=True)
            write_json(recipe, told)

    def begin_anew(self) -> None:
        """Let the next import begin from nothing: what this one found missing may be there then."""
        (self.work / RECIPE).unlink(missing_ok=True)

    def once(self, step: str, work: Callable[[Tally], None]) -> Tally:
        """Do a step, or take its tally from a try before."""
        told = self.work / "steps" / f"{step}.json"
        if told.exists():
            return Tally(**json.loads(told.read_text(encoding="utf-8")))
        tally = Tally()
        work(tally)
        write_json(asdict(tally), told)
        return tally

    def quarantine(self, source: str, step: str) -> Quarantine:
        """Where a step puts refused rows of a source."""
        return Quarantine(self.feed / "quarantine" / source, step)

    def finish(self, marker: dict[str, Any]) -> None:
        """Put the feed in the output's place; killed in between, the output may be absent, but is never half."""
        write_json(marker, self.feed / MARKER)
        old = self.root / "old"
        shutil.rmtree(old, ignore_errors=True)
        if self.out.exists():
            self.out.rename(old)
        self.feed.rename(self.out)
        shutil.rmtree(self.root, ignore_errors=True)


def stamps(files: Sequence[Path]) -> list[list[Any]]:
    """Name, size and time of change of files."""
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
