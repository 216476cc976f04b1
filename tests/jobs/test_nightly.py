"""The runner on small stages, with the real run ledger."""

from dataclasses import replace

import pytest
from rich.console import Console

from conf.errors import GateError
from jobs.lake.context import StageResult
from jobs.ledger import past_runs
from jobs.lock import only_one
from jobs.nightly import night_stages, preview, run_stages
from jobs.progress import Lines
from jobs.stages import STAGES
from tests.support.runs import made_up_stages as made_up

NIGHT_SCRIPT = """
import sys
from datetime import date
from pathlib import Path

from rich.console import Console

from conf.settings import Settings
from jobs.lake.context import Context
from jobs.lock import only_one
from jobs.nightly import run_stages
from jobs.progress import Lines
from jobs.stages import Stage

context = Context(date(2026, 3, 29), Path("{home}"), Settings())
with only_one(context.home):
    ran = run_stages(context, {stages!r}, Lines(Console(quiet=True), []))
print(ran, "pyspark" in sys.modules, "torch" in sys.modules)
"""
"""A night in another process."""


class Silent(Lines):
    def __init__(self):
        super().__init__(Console(quiet=True), [])


@pytest.fixture
def stages(tmp_path):
    """Three made-up stages; ``made_up.ran`` lists what ran, ``made_up.told`` tells them what to do."""
    made_up.ran.clear()
    made_up.told.clear()
    return made_up.stages_over(tmp_path)


def test_a_night_is_skipped_resumed_and_explained(stages, make_context, tmp_path):
    context = make_context()
    assert [check.reason for check in preview(context, stages)] == ["never ran for this night"] * 3

    made_up.told["error"] = GateError("the picture is too blue")
    with pytest.raises(GateError):
        run_stages(context, stages, Silent())
    assert made_up.ran == ["first", "second"]
    rows = {row["stage"]: row for row in context.lake.read("runs").to_pylist()}
    assert (rows["first"]["status"], rows["second"]["status"]) == ("done", "failed")
    assert rows["second"]["note"] == "GateError: the picture is too blue"
    assert dict(rows["second"]["tables_written"]) == {"items": -1}
    metrics = dict(rows["first"]["metrics"])
    assert metrics.pop("cpu_seconds") >= 0
    assert (dict(rows["first"]["rows"]), metrics) == ({"items": 3}, {"auc": 0.75})

    made_up.told["error"] = None
    made_up.ran.clear()
    assert run_stages(context, stages, Silent()) == ["second", "third"] == made_up.ran
    assert run_stages(context, stages, Silent()) == []
    assert {name: run.status for name, run in past_runs(context).items()} == dict.fromkeys(
        ("first", "second", "third"), "done"
    )

    # Another night knows nothing of this one.
    other = make_context(ds="2026-03-28")
    assert all(check.runs for check in preview(other, stages))

    # A setting of another section changes nothing; one of its own is named, and what comes after runs too.
    assert not any(check.runs for check in preview(make_context(evaluate={"trees": 7}), stages))
    checks = preview(make_context(world={"users": 77}), stages)
    assert [(check.runs, check.reason) for check in checks] == [
        (True, "world.users changed from 3000 to 77"),
        (True, "after first"),
        (False, "up to date"),
    ]

    # So do changed code and changed input.
    (tmp_path / "first.py").write_text("VERSION = 22\n")
    made_up.told["seen"] = "a new file"
    assert [check.reason for check in preview(context, stages)] == ["code changed", "after first", "input changed"]
    assert run_stages(context, stages, Silent()) == ["first", "second", "third"]

    # A stage run alone under other settings leaves those after it to run again.
    changed = make_context(world={"users": 78})
    assert run_stages(changed, [stages[0]], Silent()) == ["first"]
    assert preview(changed, stages)[1].reason == "upstream changed"
    assert run_stages(changed, [stages[2]], Silent(), force=True) == ["third"]


def test_a_shut_gate_stops_its_stage_unless_the_run_has_the_stage_that_opens_it(stages, make_context):
    context, shut = make_context(), []

    def gate(context):
        if shut:
            raise GateError("the log is ahead")

    def opener(context):
        made_up.ran.append("opener")
        shut.clear()
        return StageResult()

    made_up.told.update(gate=gate, opener=opener)
    gated = replace(stages[2], gate=f"{made_up.PLACE}:gate", opened_by="opener")
    opens = replace(stages[0], name="opener", function=f"{made_up.PLACE}:opener")
    assert run_stages(context, [gated], Silent()) == ["third"]
    shut.append(1)
    with pytest.raises(GateError, match="log is ahead"):
        run_stages(context, [gated], Silent())  # though it is up to date
    assert run_stages(context, [opens], Silent()) == ["opener"]
    shut.append(1)  # somebody decided after the opener ran
    assert run_stages(context, [opens, gated], Silent()) == ["opener"]
    made_up.told["opener"] = lambda context: StageResult()
    shut.append(1)
    with pytest.raises(GateError):
        run_stages(context, [opens, gated], Silent())


def test_a_killed_night_goes_on_at_the_stage_it_was_killed_in(stages, make_context, run_python):
    context = make_context()
    run_stages(context, [stages[0]], Silent())
    (context.home / "kill").touch()
    died = run_python(NIGHT_SCRIPT.format(home=context.home, stages=stages))
    assert (died.returncode, died.stdout.split()) == (-9, ["second"])
    made_up.ran.clear()
    (context.home / "kill").unlink()
    with only_one(context.home):
        assert [check.reason for check in preview(context, stages)][1:] == ["never ran for this night"] * 2
        assert run_stages(context, stages, Silent()) == ["second", "third"] == made_up.ran


def test_skipping_starts_neither_spark_nor_torch(stages, make_context, run_python):
    context = make_context()
    run_stages(context, [stages[2]], Silent())
    seen = run_python(NIGHT_SCRIPT.format(home=context.home, stages=(stages[2],)))
    assert seen.stdout.strip() == "[] False False"


def test_the_night_of_own_logs_has_no_world(make_context):
    names = [stage.name for stage in night_stages(make_context(ingest={"source": "files"}))]
    assert {"world", "play"}.isdisjoint(names)
    assert names[0] == "ingest"
    everything = [stage.name for stage in STAGES]
    assert [stage.name for stage in night_stages(make_context())] == [
        name for name in everything if name not in ("preference-tokens", "titles")
    ]
    told = make_context(generation={"method": "dppmg"}, policy={"titles": "approve"})
    assert [stage.name for stage in night_stages(told)] == everything
