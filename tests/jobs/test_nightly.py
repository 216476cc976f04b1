"""The runner on small stages, with the real run ledger."""

import sys
import types
from dataclasses import replace

import pytest
from rich.console import Console

from conf.errors import GateError
from jobs import fingerprint as fingerprints
from jobs.lake.context import StageResult
from jobs.ledger import past_runs
from jobs.lock import only_one
from jobs.nightly import night_stages, preview, run_stages
from jobs.progress import Lines
from jobs.stages import STAGES, Stage

FIRST = Stage(name="first", function="night_of_tests:first", about="", sections=("world",), code=("first.py",))
SECOND = Stage(
    name="second",
    function="night_of_tests:second",
    about="",
    upstream=("first",),
    code=("second.py",),
    writes=("items",),
)
THIRD = Stage(
    name="third",
    function="night_of_tests:third",
    about="",
    code=("third.py",),
    watches="night_of_tests:watched",
)
NIGHT = (FIRST, SECOND, THIRD)


NIGHT_SCRIPT = """
import os, signal, sys, types
from datetime import date
from pathlib import Path

from rich.console import Console

from conf.settings import Settings
from jobs import fingerprint
from jobs.lake.context import Context
from jobs.lock import only_one
from jobs.nightly import run_stages
from jobs.progress import Lines
from jobs.stages import Stage

def second(context):
    print("second", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

module = sys.modules["night_of_tests"] = types.ModuleType("night_of_tests")
module.second, module.watched = second, lambda context: "nothing"
fingerprint.code_hash.__defaults__ = (Path("{sources}"),)
context = Context(date(2026, 3, 29), Path("{home}"), Settings())
with only_one(context.home):
    ran = run_stages(context, {night!r}, Lines(Console(quiet=True), []))
print(ran, "pyspark" in sys.modules, "torch" in sys.modules)
"""
"""A night in another process; its second stage is killed as hard as can be."""


class Silent(Lines):
    def __init__(self):
        super().__init__(Console(quiet=True), [])


@pytest.fixture
def night(monkeypatch, tmp_path):
    """The stages' module: ``ran`` lists what ran; ``error`` is raised by the second stage."""
    module = types.ModuleType("night_of_tests")
    module.ran, module.error, module.seen = [], None, "nothing"

    def stage(name):
        def run(context):
            module.ran.append(name)
            if name == "second" and module.error is not None:
                raise module.error
            return StageResult(rows={"items": 3}, metrics={"auc": 0.75}, note=f"{name} was here")

        return run

    for name in ("first", "second", "third"):
        setattr(module, name, stage(name))
    module.watched = lambda context: module.seen
    module.sources = tmp_path / "sources"
    (module.sources / "jobs" / "lake").mkdir(parents=True)
    for name in ("first", "second", "third"):
        (module.sources / f"{name}.py").write_text("VERSION = 1\n")
    monkeypatch.setitem(sys.modules, "night_of_tests", module)
    monkeypatch.setattr(fingerprints.code_hash, "__defaults__", (module.sources,))
    return module


def test_a_night_is_skipped_resumed_and_explained(night, make_context):
    context = make_context()
    assert [check.reason for check in preview(context, NIGHT)] == ["never ran for this night"] * 3

    night.error = GateError("the picture is too blue")
    with pytest.raises(GateError):
        run_stages(context, NIGHT, Silent())
    assert night.ran == ["first", "second"]
    rows = {row["stage"]: row for row in context.lake.read("runs").to_pylist()}
    assert (rows["first"]["status"], rows["second"]["status"]) == ("done", "failed")
    assert rows["second"]["note"] == "GateError: the picture is too blue"
    assert dict(rows["second"]["tables_written"]) == {"items": -1}
    metrics = dict(rows["first"]["metrics"])
    assert metrics.pop("cpu_seconds") >= 0
    assert (dict(rows["first"]["rows"]), metrics) == ({"items": 3}, {"auc": 0.75})

    night.error, night.ran[:] = None, []
    assert run_stages(context, NIGHT, Silent()) == ["second", "third"] == night.ran
    assert run_stages(context, NIGHT, Silent()) == []
    assert {name: run.status for name, run in past_runs(context).items()} == dict.fromkeys(
        ("first", "second", "third"), "done"
    )

    # Another night knows nothing of this one.
    other = make_context(ds="2026-03-28")
    assert all(check.runs for check in preview(other, NIGHT))

    # A setting of another section changes nothing; one of its own is named, and what comes after runs too.
    assert not any(check.runs for check in preview(make_context(evaluate={"trees": 7}), NIGHT))
    checks = preview(make_context(world={"users": 77}), NIGHT)
    assert [(check.runs, check.reason) for check in checks] == [
        (True, "world.users changed from 3000 to 77"),
        (True, "after first"),
        (False, "up to date"),
    ]

    # So do changed code and changed input.
    (night.sources / "first.py").write_text("VERSION = 22\n")
    night.seen = "a new file"
    assert [check.reason for check in preview(context, NIGHT)] == ["code changed", "after first", "input changed"]
    assert run_stages(context, NIGHT, Silent()) == ["first", "second", "third"]

    # A stage run alone under other settings leaves those after it to run again.
    changed = make_context(world={"users": 78})
    assert run_stages(changed, [FIRST], Silent()) == ["first"]
    assert preview(changed, NIGHT)[1].reason == "upstream changed"
    assert run_stages(changed, [THIRD], Silent(), force=True) == ["third"]


def test_a_shut_gate_stops_its_stage_unless_the_run_has_the_stage_that_opens_it(night, make_context):
    context, shut = make_context(), []

    def gate(context):
        if shut:
            raise GateError("the log is ahead")

    def opener(context):
        night.ran.append("opener")
        shut.clear()
        return StageResult()

    night.gate, night.opener = gate, opener
    gated = replace(THIRD, gate="night_of_tests:gate", opened_by="opener")
    opens = replace(FIRST, name="opener", function="night_of_tests:opener")
    assert run_stages(context, [gated], Silent()) == ["third"]
    shut.append(1)
    with pytest.raises(GateError, match="log is ahead"):
        run_stages(context, [gated], Silent())  # though it is up to date
    assert run_stages(context, [opens], Silent()) == ["opener"]
    shut.append(1)  # somebody decided after the opener ran
    assert run_stages(context, [opens, gated], Silent()) == ["opener"]
    night.opener = lambda context: StageResult()
    shut.append(1)
    with pytest.raises(GateError):
        run_stages(context, [opens, gated], Silent())


def test_a_killed_night_goes_on_at_the_stage_it_was_killed_in(night, make_context, run_python):
    context = make_context()
    run_stages(context, [FIRST], Silent())
    died = run_python(NIGHT_SCRIPT.format(sources=night.sources, home=context.home, night=NIGHT))
    assert (died.returncode, died.stdout.split()) == (-9, ["second"])
    night.ran.clear()
    with only_one(context.home):
        assert [check.reason for check in preview(context, NIGHT)][1:] == ["never ran for this night"] * 2
        assert run_stages(context, NIGHT, Silent()) == ["second", "third"] == night.ran


def test_skipping_starts_neither_spark_nor_torch(night, make_context, run_python):
    context = make_context()
    run_stages(context, [THIRD], Silent())
    seen = run_python(NIGHT_SCRIPT.format(sources=night.sources, home=context.home, night=(THIRD,)))
    assert seen.stdout.strip() == "[] False False"


def test_the_night_of_own_logs_has_no_world(make_context):
    names = [stage.name for stage in night_stages(make_context(ingest={"source": "files"}))]
    assert {"world", "play"}.isdisjoint(names)
    assert names[0] == "ingest"
    assert [stage.name for stage in night_stages(make_context())] == [stage.name for stage in STAGES]
