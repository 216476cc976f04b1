"""An import in a test: the public set in a folder, its outcome, and what it wrote."""

from pathlib import Path

import polars as pl

from jobs.ingest.importers.registry import open_data_set
from jobs.ingest.importers.run import Outcome, run_import


def imported(name: str, root: Path, out: Path, **given) -> Outcome:
    data, options = open_data_set(name, root, given)
    return run_import(name, data, options, out, lambda line: None)


def table(out: Path, source: str) -> pl.DataFrame:
    """Rows of a source, in order of their files."""
    files = sorted((out / source).rglob("*.parquet"))
    return pl.concat([pl.read_parquet(path) for path in files]) if files else pl.DataFrame()


def quarantine(out: Path, source: str) -> list[tuple[str, list[str]]]:
    """What was refused of a source, with the reasons."""
    folder = out / "quarantine" / source
    return sorted((row["row"], row["reasons"]) for row in table(folder.parent, folder.name).to_dicts())


def reasons(out: Path, source: str) -> list[str]:
    """All reasons of a source in order of the alphabet."""
    return sorted(reason for _, found in quarantine(out, source) for reason in found)


def balanced(outcome: Outcome) -> bool:
    """Whether every row that was read is accepted or quarantined."""
    tallies = (outcome.items, outcome.covers, outcome.log)
    return all(tally.read == tally.accepted + tally.quarantined for tally in tallies)
