import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from conf.command_line import told
from conf.errors import ContractError, GateError, NothingToDo, TryAgainError, UsageError
from jobs import stages
from jobs.cli.main import app
from jobs.cli.programs import run_program
from jobs.lake.context import StageResult
from jobs.lock import only_one

CHECKOUT = Path(__file__).parents[3]
HEAVY = ("torch", "pyspark", "pyarrow", "pydantic", "deltalake", "pandas", "transformers", "yaml")


@dataclass(frozen=True, kw_only=True)
class Pace:
    steps: int = 1
    """How many."""
    rate: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Painting:
    guidance: tuple[float, ...] = ()
    pace: Pace = field(default=Pace(steps=3, rate=0.5), metadata={"fixed": ("rate",)})


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
    for command in ("nightly", "review", "train", "study", "setup", *(stage.name for stage in stages.STAGES)):
        assert command in done.stdout


def kind_of(parameter):
    kind = parameter.type_descriptor.annotation
    return str(kind) if get_args(kind) else getattr(kind, "__name__", str(kind))


def surface(command, path):
    """A line for each command and for each of its options: flags, kind, default; ``!`` where it must be given."""
    real = command.real() if hasattr(command, "real") else command
    yield " ".join(path)
    for parameter in real.params:
        names = ", ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.name.upper()
        default = "!" if parameter.required else "" if parameter.default in (None, False, ()) else parameter.default
        yield f"    {names:28} {kind_of(parameter)} {default}".rstrip()
    for name, below in sorted(getattr(real, "commands", {}).items()):
        yield from surface(below, [*path, name])


def test_the_command_line_is_the_one_that_was_agreed(tmp_path):
    """Every command and option; a change of the line is a change of ``surface.txt`` that a reviewer reads."""
    found = "\n".join(surface(get_command(app), ["coverlift"])).replace(str(CHECKOUT), ".") + "\n"
    (tmp_path / "surface.txt").write_text(found, encoding="utf-8")
    agreed = Path(__file__).with_name("surface.txt").read_text(encoding="utf-8")
    assert found == agreed, f"if this is meant: cp {tmp_path / 'surface.txt'} {Path(__file__).with_name('surface.txt')}"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--export", "a.html"], "coverlift review export FILE"),
        (["--home", "x", "--add-user", "ann"], "coverlift review users add NAME"),
        (["--port", "80"], "coverlift review serve --port 80"),
    ],
)
def test_options_of_the_desk_before_it_had_subcommands_say_what_they_are_now(arguments, hint):
    done = call("review", *arguments)
    assert done.exit_code == 2
    assert hint in done.output


def test_an_option_of_a_training_reaches_its_dataclass(monkeypatch):
    given = []

    def work(options: Painting) -> None:
        given.append(options)

    app = typer.Typer()
    app.command()(run_program(work))
    done = CliRunner().invoke(app, ["--steps", "5", "--guidance", "1", "--guidance", "2.5"])
    assert done.exit_code == 0, done.output
    assert given == [Painting(guidance=(1.0, 2.5), pace=Pace(steps=5, rate=0.5))]
    assert told("coverlift x", given[0]) == "coverlift x --guidance 1.0 --guidance 2.5 --steps 5"


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
    assert (found["count"], found["columns"][2]["name"], found["columns"][2]["type"]) == (1, "size", "int64 not null")
    assert found["rows"][0]["segment_id"] == "s2"
    assert found["rows"][0]["pref_style"] == [0.25] * 32


def test_the_installed_command_works():
    done = subprocess.run([Path(sys.executable).with_name("coverlift"), "--help"], capture_output=True, check=True)
    assert b"Exit codes: 0 done" in done.stdout


def test_the_doctor_ends_with_2_when_something_needed_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    done = call("doctor", "--home", tmp_path)
    assert done.exit_code == 2
    assert done.output.count("to mend it: coverlift setup") == 2
