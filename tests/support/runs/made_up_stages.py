"""Three stages for tests of the runner, which finds them by name as it finds real ones."""

import os
import signal
from pathlib import Path
from typing import Any

from jobs.fingerprint import ROOT
from jobs.lake.context import StageResult
from jobs.stages import Stage

PLACE = "tests.support.runs.made_up_stages"
NAMES = ("first", "second", "third")
ran: list[str] = []
"""Stages that ran in this process."""
told: dict[str, Any] = {}
"""What a test tells them: ``error`` is raised by the second, ``seen`` is the third's input; ``gate``, ``opener``."""


def stages_over(sources: Path) -> tuple[Stage, ...]:
    """The stages, with a file each in a folder as their code."""
    for name in NAMES:
        (sources / f"{name}.py").write_text("VERSION = 1\n")
    common = [{"name": name, "function": f"{PLACE}:{name}", "about": ""} for name in NAMES]
    code = [(os.path.relpath(sources / f"{name}.py", ROOT),) for name in NAMES]
    return (
        Stage(**common[0], code=code[0], sections=("world",)),
        Stage(**common[1], code=code[1], upstream=("first",), writes=("items",)),
        Stage(**common[2], code=code[2], watches=f"{PLACE}:watched"),
    )


def _done(name: str) -> StageResult:
    ran.append(name)
    return StageResult(rows={"items": 3}, metrics={"auc": 0.75}, note=f"{name} was here")


def first(context):
    return _done("first")


def second(context):
    """In a home with a file ``kill`` the process dies, as hard as can be."""
    if (context.home / "kill").exists():
        print("second", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    result = _done("second")
    if told.get("error") is not None:
        raise told["error"]
    return result


def third(context):
    return _done("third")


def watched(context):
    return told.get("seen", "nothing")


def gate(context):
    told["gate"](context)


def opener(context):
    return told["opener"](context)
