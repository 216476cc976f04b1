"""A finished night in MLflow: a run for the night, one below it for each stage, and the reward model in the registry.

Exported again, a night is brought up to date: nothing is there twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from jobs.export.client import Tracking, as_pairs
from jobs.export.night import RunFacts, model_run, night_runs
from jobs.lake.context import Context

IDENTITY = "coverlift.id"
"""Tag of runs and model versions."""
CHAMPION = "champion"
CHAMPION_OF = "coverlift.champion_of"
"""Tag of a model version: the last exported night whose champion it is."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What stands on the server now."""

    run_id: str
    """Of the night."""
    stages: int
    figures: int
    """Metrics of the night."""
    model_version: str | None
    """Number of the registered model's version; None where the night has no reward model."""
    is_champion: bool
    """Whether the alias ``champion`` leads to it: that of a later night stays."""


def export_night(ctx: Context, tracking: Tracking, *, experiment: str, model: str, now: datetime) -> Exported:
    """Bring a night and its reward model to the server.

    Parameters
    ----------
    ctx
        The night.
    tracking
        The server.
    experiment
        Its name; it is made where there is none.
    model
        Name of the registered model, likewise.
    now
        Time of new values of metrics.

    Raises
    ------
    UsageError
        When there is no such night, or the server refuses something.
    TryAgainError
        When the server does not answer; the same command goes on.
    """
    night, stages = night_runs(ctx)
    trained = model_run(ctx)
    place = _experiment(tracking, experiment)
    run_id = put_run(tracking, place, night, now)["run_id"]
    for stage in stages:
        put_run(tracking, place, stage, now, parent=run_id)
    version, leads = None, False
    if trained is not None:
        info = put_run(tracking, place, trained, now)
        version = _version(tracking, model, trained, info)
        leads = _lead(tracking, model, version, ctx.ds)
    return Exported(
        run_id=run_id, stages=len(stages), figures=len(night.metrics), model_version=version, is_champion=leads
    )


def _experiment(tracking: Tracking, name: str) -> str:
    found = tracking.find("experiments/get-by-name", experiment_name=name)
    if found is None:
        return str(tracking.post("experiments/create", name=name)["experiment_id"])
    return str(found["experiment"]["experiment_id"])


def put_run(tracking: Tracking, experiment: str, facts: RunFacts, now: datetime, *, parent: str = "") -> dict[str, Any]:
    """The run with these facts, made or brought up to date; returns its ``info``.

    MLflow lets no parameter change. Where one did, the run is made anew and the old one goes to MLflow's bin.
    """
    tags = {**facts.tags, IDENTITY: facts.identity, "mlflow.source.name": "coverlift"}
    tags |= {"mlflow.parentRunId": parent} if parent else {}
    begun = _milliseconds(facts.begun or now)
    run = _kept(tracking, experiment, facts)
    if run is None:
        told = {"run_name": facts.name, "start_time": begun, "tags": as_pairs(tags)}
        run = tracking.post("runs/create", experiment_id=experiment, **told)["run"]
    info, data = run["info"], run.get("data", {})
    known = {each["key"]: each["value"] for each in data.get("metrics", [])}
    changed = {name: value for name, value in facts.metrics.items() if known.get(name) != value}
    new_params = {key: value for key, value in facts.params.items() if key not in _params(data)}
    metrics = [{"key": name, "value": value, "timestamp": _milliseconds(now)} for name, value in changed.items()]
    tracking.log(info["run_id"], metrics=metrics, params=new_params, tags=tags)
    for name, file in facts.files.items():
        tracking.upload(info["artifact_uri"], name, file)
    told = {"status": "FAILED" if facts.failed else "FINISHED", "end_time": _milliseconds(facts.ended or now)}
    tracking.post("runs/update", run_id=info["run_id"], run_name=facts.name, **told)
    return dict(info)


def _kept(tracking: Tracking, experiment: str, facts: RunFacts) -> dict[str, Any] | None:
    """The run of that identity whose parameters, all or some, are those of the facts; others of that identity go."""
    by_identity = f"tags.`{IDENTITY}` = '{facts.identity}'"
    asked = {"experiment_ids": [experiment], "filter": by_identity, "max_results": 100}
    kept: dict[str, Any] | None = None
    for run in tracking.post("runs/search", **asked).get("runs", []):
        if kept is None and _params(run.get("data", {})).items() <= facts.params.items():
            kept = run
        else:
            tracking.post("runs/delete", run_id=run["info"]["run_id"])
    return kept


def _params(data: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in data.get("params", [])}


def _version(tracking: Tracking, model: str, facts: RunFacts, info: dict[str, Any]) -> str:
    """Number of the model's version that these files are, registered where it is not."""
    if tracking.find("registered-models/get", name=model) is None:
        tracking.post("registered-models/create", name=model)
    quoted = model.replace("'", "''")
    asked = {"filter": f"name = '{quoted}' and tags.`{IDENTITY}` = '{facts.identity}'"}
    found = tracking.get("model-versions/search", **asked).get("model_versions", [])
    if found:
        return str(found[0]["version"])
    told = {"source": f"{info['artifact_uri']}/model", "run_id": info["run_id"], "description": facts.name}
    tags = as_pairs({**facts.tags, IDENTITY: facts.identity})
    return str(tracking.post("model-versions/create", name=model, tags=tags, **told)["model_version"]["version"])


def _lead(tracking: Tracking, model: str, version: str, ds: date) -> bool:
    """Let the alias lead to the version, unless it leads to the champion of a later night."""
    known = tracking.get("registered-models/get", name=model)["registered_model"].get("aliases", [])
    leader = next((each["version"] for each in known if each["alias"] == CHAMPION), None)
    if leader is not None:
        tags = tracking.get("model-versions/get", name=model, version=leader)["model_version"].get("tags", [])
        if ds.isoformat() < _tag(tags, CHAMPION_OF):
            return str(leader) == version
    tracking.post("model-versions/set-tag", name=model, version=version, key=CHAMPION_OF, value=ds.isoformat())
    tracking.post("registered-models/alias", name=model, alias=CHAMPION, version=version)
    return True


def _tag(tags: Sequence[dict[str, str]], key: str) -> str:
    return next((each["value"] for each in tags if each["key"] == key), "")


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
