import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conf.errors import ContractError, GateError, NothingToDo, TryAgainError, UsageError
from jobs import stages
from jobs.cli.main import app
from jobs.lake.context import StageResult
from jobs.lock import only_one

HEAVY = ("torch", "pyspark", "pyarrow", "pydantic", "deltalake", "pandas", "transformers", "yaml")
COMMANDS = (
    "nightly", "backfill", "takedown", "inspect", "doctor", "world", "ingest", "encode", "features", "train-reward",
    "plan", "generate", "review-policy", "review-sync", "review", "publish", "play", "evaluate", "report",
)  # fmt: skip


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def failing(monkeypatch):
    """Make the publish stage raise an error, or return, without Spark being asked to remember it."""

    def fail(error):
        def run(context):
            if error is not None:
                raise error
            return StageResult()

        monkeypatch.setattr(stages.Stage, "load", lambda self: run)
        monkeypatch.setattr("jobs.nightly.record", lambda *args, **kwargs: None)

    return fail


def test_help_imports_nothing_heavy(run_python):
    script = f"""
    import sys
    from jobs.cli.main import app
    try:
        app(["--help"])
    finally:
        print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
    """
    done = run_python(script)
    assert done.stdout.splitlines()[-1] == "heavy: []"
    for command in COMMANDS:
        assert command in done.stdout


def test_the_command_line_surface():
    assert {command.name or command.callback.__name__ for command in app.registered_commands} == set(COMMANDS)
    for command in ("nightly", "features"):
        text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
        for option in ("--ds", "--home", "--config", "--profile", "-o", "--dry-run", "--force", "--debug"):
            assert option in text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (UsageError("wrong"), 2),
        (ContractError("wrong"), 3),
        (GateError("wrong"), 4),
        (TryAgainError("wrong"), 75),
        (NothingToDo("wrong"), 99),
        (RuntimeError("wrong"), 1),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(failing, tmp_path, error, code):
    failing(error)
    done = call("report", "--home", tmp_path)
    assert done.exit_code == code
    if error is not None:
        assert "wrong" in done.output
        assert "Traceback" not in done.output


def test_debug_shows_the_error_itself(failing, tmp_path):
    failing(GateError("wrong"))
    assert isinstance(call("report", "--home", tmp_path, "--debug").exception, GateError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nightly", "-o", "world.user=1"], "did you mean 'world.users'?"),
        (["nightly", "--profile", "nowhere"], "the profiles are cluster, icg-production, local, test"),
        (["nightly", "--config", "missing.yaml"], "missing.yaml cannot be read"),
        (["play", "-o", "ingest.source=files"], "play belongs to ingest.source=stickers"),
        (["backfill", "--from", "2026-03-02", "--to", "2026-03-01"], "is before --from"),
        (["inspect", "segment"], "did you mean 'segments'?"),
        (["inspect", "segments"], "coverlift features"),
        (["takedown", "f" * 64, "--reason", "x"], "coverlift generate"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_mends_it(tmp_path, arguments, message):
    done = call(*arguments, "--home", tmp_path)
    assert done.exit_code == 2
    assert message in done.output


def test_typers_own_usage_errors_end_with_2(tmp_path):
    assert call("nightly", "--ds", "yesterday").exit_code == 2
    assert call("no-such-command").exit_code == 2


def test_a_dry_run_says_why_and_leaves_no_trace(tmp_path):
    home = tmp_path / "home"
    done = call("nightly", "--profile", "test", "--home", home, "--ds", "2026-03-20", "--dry-run")
    assert done.exit_code == 0
    assert "Night 2026-03-20" in done.output
    assert done.output.count("would run") == len(stages.STAGES)
    assert "users: 120" in done.output
    assert not home.exists()


def test_a_busy_home_ends_with_75(failing, tmp_path):
    failing(None)
    with only_one(tmp_path):
        done = call("report", "--home", tmp_path)
    assert done.exit_code == 75
    assert str(os.getpid()) in done.output


def test_inspect_shows_a_table_as_text_and_json(new_lake, tmp_path):
    from tests.support.samples import sample

    rows = sample("segments", 2, segment_id=["s1", "s2"], ds=["2026-03-01", "2026-03-02"])
    rows = rows.set_column(rows.column_names.index("pref_style"), "pref_style", [[[0.25] * 32] * 2])
    new_lake.replace(rows, "segments", ds=["2026-03-01", "2026-03-02"])
    new_home = Path(new_lake.url).parent
    text = call("inspect", "segments", "--home", new_home)
    assert text.exit_code == 0, text.output
    for part in ("a segment x ds", "version 1", "2 rows", "ds=2026-03-01, ds=2026-03-02", "... 32 values]"):
        assert part in text.output
    found = json.loads(call("inspect", "segments", "--home", new_home, "--json", "--ds", "2026-03-02").output)
    assert (found["count"], found["schema"]["size"]) == (1, "int64 not null")
    assert found["rows"][0]["segment_id"] == "s2"
    assert found["rows"][0]["pref_style"] == [0.25] * 32


def test_the_installed_command_works():
    done = subprocess.run([Path(sys.executable).with_name("coverlift"), "--help"], capture_output=True, check=True)
    assert b"Exit codes: 0 done" in done.stdout


def test_the_doctor_ends_with_2_when_something_needed_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    done = call("doctor", "--home", tmp_path)
    assert done.exit_code == 2
    assert "to mend it: python -m jobs.lake.delta_jar" in done.output
    assert "to mend it: python -m reward_model.encoders.assets" in done.output
