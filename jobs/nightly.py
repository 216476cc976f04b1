"""Running stages in order: skip what is done, run the rest, remember everything."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conf.errors import GateError
from generation.personalization.methods import needed
from jobs.cpu_time import CpuClock
from jobs.fingerprint import changed_parts, fingerprint, relevant_settings
from jobs.lake.context import Context, StageResult
from jobs.ledger import Run, past_runs, record, versions
from jobs.observation.observers import Observers
from jobs.progress import Screen
from jobs.stages import STAGES, Stage

NOTE_LENGTH = 500
GATE_ATTEMPTS = 5
"""How often a stage's gate is asked again after the stage that opens it ran."""


@dataclass(frozen=True, kw_only=True)
class StageCheck:
    """Whether a stage has to run, and why."""

    stage: Stage
    runs: bool
    reason: str
    fingerprint: str


def night_stages(context: Context, stages: Sequence[Stage] = STAGES) -> list[Stage]:
    """The stages of this night: without those of another input source, that are off, or of what no method is told."""
    return [stage for stage in stages if not left_out(stage, context)]


def left_out(stage: Stage, context: Context) -> str:
    """Why a stage is no part of this night; empty when it is."""
    settings = context.settings
    if stage.source not in (None, settings.ingest.source):
        return f"{stage.name} belongs to ingest.source={stage.source}, not {settings.ingest.source}."
    if stage.unless_off:
        section, _, key = stage.unless_off.partition(".")
        if getattr(getattr(settings, section), key) == "off":
            return f"{stage.name} is off: {stage.unless_off}=off. Set it to something else."
    if stage.need and stage.need not in needed(settings.generation):
        methods = ", ".join(dict.fromkeys((settings.generation.method, *settings.generation.beside)))
        return f"{stage.name} has nothing to do: no method of the night ({methods}) is told {stage.need}."
    return ""


def needs_run(stage: Stage, context: Context, past: Mapping[str, Run], *, force: bool = False) -> StageCheck:
    """Whether the stage has to run: unless its last run is done and nothing it depends on changed."""
    upstream = {name: past[name].fingerprint for name in stage.upstream if name in past and past[name].done}
    now = fingerprint(stage, context, upstream)
    last = past.get(stage.name)
    if force:
        runs, reason = True, "forced"
    elif last is None:
        runs, reason = True, "never ran for this night"
    elif not last.done:
        runs, reason = True, "failed last time"
    else:
        runs, reason = last.fingerprint != now, _difference(stage, context, last, now)
    return StageCheck(stage=stage, runs=runs, reason=reason, fingerprint=now)


def _difference(stage: Stage, context: Context, last: Run, now: str) -> str:
    changed = changed_parts(last.fingerprint, now)
    if not changed:
        return "up to date"
    words = [f"{part} changed" for part in changed if part != "settings"]
    if "settings" in changed:
        words += changed_settings(json.loads(last.config), relevant_settings(stage, context))
    return "; ".join(words)


def changed_settings(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Each setting that differs, with both values, by its name ``section.key``."""
    old, new = _flat(before), _flat(now)
    return [
        f"{key} changed from {old.get(key)} to {new.get(key)}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def preview(context: Context, stages: Iterable[Stage], *, force: bool = False) -> list[StageCheck]:
    """What a run would do, without doing it; a stage after one that would run, runs too."""
    past, checks, running = past_runs(context), [], set[str]()
    for stage in stages:
        check = needs_run(stage, context, past, force=force)
        after = [name for name in stage.upstream if name in running]
        if after and not check.runs:
            check = replace(check, runs=True, reason=f"after {', '.join(after)}")
        if check.runs:
            running.add(stage.name)
        checks.append(check)
    return checks


def run_stages(
    context: Context,
    stages: Sequence[Stage],
    screen: Screen,
    *,
    force: bool = False,
    observers: Observers | None = None,
) -> list[str]:
    """Run the stages in order, skipping those that are done.

    Parameters
    ----------
    context
        The night.
    stages
        In order; see :func:`night_stages`.
    screen
        Where progress is shown.
    force
        Run them even when they are done.
    observers
        Who else is told.

    Returns
    -------
    list[str]
        Names of the stages that ran.

    Raises
    ------
    Exception
        Whatever a stage raised, after its failure is in the ledger.
    """
    past, ran, observers = past_runs(context), [], observers or Observers()
    for stage in stages:
        ran += open_gate(context, stage, stages, screen, observers)
        check = needs_run(stage, context, past, force=force)
        if not check.runs:
            screen.skipped(stage.name, check.reason)
            continue
        screen.started(stage.name, check.reason)
        context.progress = screen.progress
        run_stage(context, check, screen, observers)
        past = past_runs(context)
        ran.append(stage.name)
    return ran


def open_gate(
    context: Context, stage: Stage, stages: Iterable[Stage], screen: Screen, observers: Observers
) -> list[str]:
    """Ask the stage's gate; while it is shut, run the stage that opens it, where that belongs to this run.

    Returns
    -------
    list[str]
        Names of the stages that ran.

    Raises
    ------
    GateError
        When the gate stays shut.
    """
    opener = next((each for each in stages if each.name == stage.opened_by), None)
    ran: list[str] = []
    while True:
        try:
            stage.check_gate(context)
        except GateError as error:
            if opener is None or len(ran) >= GATE_ATTEMPTS:
                raise
            screen.started(opener.name, str(error))
            run_stage(context, needs_run(opener, context, past_runs(context), force=True), screen, observers)
            ran.append(opener.name)
        else:
            return ran


def run_stage(context: Context, check: StageCheck, screen: Screen, observers: Observers) -> None:
    """Run one stage and put the outcome into the ledger, a failure as well."""
    stage = check.stage
    read, begin, clock = versions(context.lake, stage.reads), time.monotonic(), CpuClock()
    attempt = observers.begin(context.ds.isoformat(), stage.name, read)

    def remember(status: str, result: StageResult) -> dict[str, int]:
        """Versions of the tables that it writes."""
        written = versions(context.lake, stage.writes)
        record(
            context,
            stage,
            status=status,
            fingerprint=check.fingerprint,
            read=read,
            written=written,
            result=replace(result, metrics={**result.metrics, "cpu_seconds": clock.seconds()}),
            seconds=time.monotonic() - begin,
        )
        return written

    try:
        result = stage.load()(context)
    except Exception as error:
        screen.failed(stage.name, time.monotonic() - begin)
        observers.failed(attempt, error)
        try:
            remember("failed", StageResult(note=f"{type(error).__name__}: {error}"[:NOTE_LENGTH]))
        except Exception as second:  # the first error is the one to show
            error.add_note(f"The failure could not be written to the run ledger: {second}")
        raise
    observers.done(attempt, result, remember("done", result))
    screen.finished(stage.name, time.monotonic() - begin, result)
