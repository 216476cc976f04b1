"""The small night of the built-in world, run once by the command as a user runs it; whoever writes works on a copy."""

import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from typer.testing import CliRunner

from jobs.cli.main import app

DS, NEXT = "2026-03-29", "2026-03-30"
PATIENCE_S = 1800
"""A night takes a few minutes; on a machine that is busy with other things it may take long."""


def command(*words: str, home: Path) -> list[str]:
    """The installed command over a home, by the profile of tests."""
    return [str(Path(sys.executable).with_name("coverlift")), *words, "--home", str(home), "--profile", "test"]


def installed(*words: str, home: Path, says: str | None = None) -> str:
    """What the installed command prints, run in a process of its own; it must end well."""
    done = subprocess.run(
        command(*words, home=home), capture_output=True, text=True, check=False, timeout=PATIENCE_S, input=says
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def coverlift(*words: str, home: Path) -> str:
    """What the command prints, run in this process, whose Spark session it shares; it must end well."""
    done = CliRunner().invoke(app, command(*words, home=home)[1:])
    assert done.exit_code == 0, done.output
    return done.output


def made_once(folder: Path) -> Path:
    """Home of the finished night in a folder that several processes share; one of them makes it."""
    home, finished = folder / "small-night", folder / "small-night.finished"
    with FileLock(folder / "small-night.lock", timeout=PATIENCE_S):
        if not finished.exists():
            shutil.rmtree(home, ignore_errors=True)
            installed("nightly", home=home)
            finished.touch()
    return home
