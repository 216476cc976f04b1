"""The run ledger: one row of ``runs`` per stage and night, read without Spark."""

import json
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

import pyarrow as pa

from jobs.fingerprint import code_hash, code_of, relevant_settings
from jobs.lake.assets import in_checkout
from jobs.lake.context import Context, StageResult
from jobs.lake.lake import Lake
from jobs.lake.schema.runs import RUNS
from jobs.reach import ROOT
from jobs.stages import Stage


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the ledger remembers of a stage's last run."""

    status: str
    fingerprint: str
    config: str
    """Settings it depended on, as JSON."""
    seconds: float

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self.status == "done"


def past_runs(context: Context) -> dict[str, Run]:
    """Last run of every stage for this night; empty before the first."""
    if not context.lake.exists("runs"):
        return {}
    columns = ["stage", "status", "fingerprint", "config", "seconds"]
    rows = context.lake.read("runs", ds=context.ds, columns=columns).to_pylist()
    return {row.pop("stage"): Run(**row) for row in rows}


def versions(lake: Lake, tables: Iterable[str]) -> dict[str, int]:
    """Delta version of each table, -1 for those that are missing."""
    return {table: lake.version(table) for table in tables}


def record(
    context: Context,
    stage: Stage,
    *,
    status: str,
    fingerprint: str,
    read: dict[str, int],
    written: dict[str, int],
    result: StageResult,
    seconds: float,
) -> None:
    """Write the stage's row, in place of the one of an earlier run; ``read`` and ``written`` are versions of tables."""
    config = json.dumps(relevant_settings(stage, context), sort_keys=True)
    row = {
        "ds": context.ds.isoformat(),
        "stage": stage.name,
        "status": status,
        "fingerprint": fingerprint,
        "config_hash": context.settings.digest(),
        "config": config,
        "code_version": code_version(stage),
        "tables_read": list(read.items()),
        "tables_written": list(written.items()),
        "rows": list(result.rows.items()),
        "metrics": [(name, float(value)) for name, value in result.metrics.items()],
        "seconds": seconds,
        "note": result.note or None,
    }
    context.lake.merge(pa.Table.from_pylist([row], schema=RUNS.schema), "runs", update=True)


def code_version(stage: Stage) -> str:
    """``git describe`` of the checkout, or else the package's version, with a hash of the stage's sources."""
    described = metadata.version("coverlift")
    if in_checkout():  # site-packages may lie in a repository of somebody else's
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
        with suppress(OSError, subprocess.CalledProcessError):
            described = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    return f"{described}+{code_hash(code_of(stage))}"
