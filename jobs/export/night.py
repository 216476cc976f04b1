"""A finished night as runs: what it was told, what it measured, when its stages ran."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from conf.errors import UsageError
from jobs.lake.context import Context
from jobs.stages import STAGES
from recsys_eval.stage import report_dir
from reward_model import registry

LONGEST_PARAM = 6000
"""Characters of a value that MLflow takes."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What becomes one run."""

    identity: str
    """The same whenever the same thing is exported: SHA-256, hex."""
    name: str
    failed: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    """Artifacts by name."""
    begun: datetime | None = None
    ended: datetime | None = None


def night_runs(ctx: Context) -> tuple[RunFacts, list[RunFacts]]:
    """The night, and each of its stages.

    Raises
    ------
    UsageError
        When no stage of the night ever ran.
    """
    rows = ctx.lake.read("runs", ds=ctx.ds).to_pylist() if ctx.lake.exists("runs") else []
    if not rows:
        raise UsageError(f"There is no night {ctx.ds} in {ctx.home}: run `coverlift nightly --ds {ctx.ds}` first.")
    order = {stage.name: place for place, stage in enumerate(STAGES)}
    rows.sort(key=lambda row: order.get(row["stage"], len(order)))
    times = _times(ctx)
    stages = [_stage_run(ctx, row, times.get(row["stage"], {})) for row in rows]
    folder, ds = report_dir(ctx), ctx.ds.isoformat()
    told = settings_of(rows)
    files: dict[str, bytes | Path] = {"settings.json": json.dumps(told, indent=2, sort_keys=True).encode()}
    files |= {path.name: path for path in (folder / "metrics.json", folder / "index.html") if path.is_file()}
    figures = json.loads((folder / "metrics.json").read_text(encoding="utf-8")) if "metrics.json" in files else {}
    night = RunFacts(
        identity=identity(ctx, ds),
        name=f"night {ds}",
        failed=any(each.failed for each in stages),
        params=flat(told),
        metrics=dict(figures_of(figures.get("figures", []))),
        tags={"coverlift.ds": ds, "coverlift.lake": ctx.lake.url, "coverlift.simulated": str(figures.get("simulated"))},
        files=files,
        begun=min((each.begun for each in stages if each.begun), default=None),
        ended=max((each.ended for each in stages if each.ended), default=None),
    )
    return night, stages


def _stage_run(ctx: Context, row: Mapping[str, Any], times: Mapping[str, datetime]) -> RunFacts:
    measured = {f"rows.{name}": float(value) for name, value in row["rows"]}
    measured |= {"seconds": row["seconds"], **dict(row["metrics"])}
    ds = ctx.ds.isoformat()
    return RunFacts(
        identity=identity(ctx, ds, row["stage"]),
        name=f"{row['stage']} {ds}",
        failed=row["status"] != "done",
        metrics=dict(_finite(measured)),
        tags={
            "coverlift.ds": ds,
            "coverlift.stage": row["stage"],
            "coverlift.fingerprint": row["fingerprint"],
            "coverlift.code": row["code_version"],
            "mlflow.note.content": row["note"] or "",
        },
        begun=times.get("running"),
        ended=times.get("ended"),
    )


def _times(ctx: Context) -> dict[str, dict[str, datetime]]:
    """When each stage's last attempt began and ended; empty where attempts were not kept."""
    if not ctx.lake.exists("run_attempts"):
        return {}
    found: dict[str, dict[str, datetime]] = {}
    rows = ctx.lake.read("run_attempts", ds=ctx.ds, columns=["stage", "attempt", "status", "at"]).to_pylist()
    for row in sorted(rows, key=lambda row: (row["attempt"], row["at"])):
        times = found.setdefault(row["stage"], {})
        if row["status"] == "running":
            times.clear()
        times["running" if row["status"] == "running" else "ended"] = row["at"]
    return found


def model_run(ctx: Context) -> RunFacts | None:
    """The champion reward model of the night as a run; None where the night has none.

    Raises
    ------
    ContractError
        When a file of the model is not the one that was saved.
    """
    try:
        folder = registry.champion_dir(ctx.home, ctx.ds)
    except UsageError:
        return None
    manifest = registry.read_manifest(folder)
    version, day = manifest["version"], datetime.fromisoformat(f"{manifest['ds']}T00:00:00+00:00")
    measured = {
        f"{model}.{metric}{end}": interval[key]
        for model, metrics in manifest["metrics"].items()
        for metric, interval in metrics.items()
        for key, end in (("value", ""), ("low", ".low"), ("high", ".high"))
    }
    return RunFacts(
        identity=identity(ctx, "reward model", version),
        name=f"reward model {version}",
        params=flat({"reward": manifest["settings"]}),
        metrics=dict(_finite({**measured, "validation_log_loss": min(manifest["validation_log_loss"])})),
        tags={"coverlift.version": version, "coverlift.ds": manifest["ds"], "coverlift.lake": ctx.lake.url},
        files={f"model/{path.name}": path for path in sorted(folder.iterdir()) if path.is_file()},
        begun=day,
        ended=day,
    )


def identity(ctx: Context, *parts: str) -> str:
    """SHA-256 of the lake and of what a run is, hex."""
    return hashlib.sha256("|".join((ctx.lake.url, *parts)).encode()).hexdigest()


def settings_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings that the night's stages ran with, by section, as the ledger has them."""
    told: dict[str, Any] = {}
    for row in rows:
        told |= {key: value for key, value in json.loads(row["config"]).items() if key != "ds"}
    return told


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as ``section.key`` and text; what is too long for a parameter is cut, and whole in ``settings.json``.

    Examples
    --------
    >>> flat({"reward": {"epochs": 4, "tags": ["a", "b"]}})
    {'reward.epochs': '4', 'reward.tags': '["a", "b"]'}
    """
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            found[prefix + key] = text[:LONGEST_PARAM]
    return found


def figures_of(figures: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Figures of ``metrics.json`` with the ends of their intervals, by names that MLflow takes."""
    for each in figures:
        values = {each["name"]: each["value"], f"{each['name']}.low": each["low"], f"{each['name']}.high": each["high"]}
        yield from _finite({name: value for name, value in values.items() if value is not None})


def _finite(values: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if math.isfinite(value):
            yield metric_name(name), float(value)


def metric_name(name: str) -> str:
    """A name with the signs that MLflow allows.

    Examples
    --------
    >>> metric_name("lambdarank-log.generated.wndcg@10.lift")
    'lambdarank-log.generated.wndcg_at_10.lift'
    """
    return re.sub(r"[^\w./: -]", "_", name.replace("@", "_at_"))
