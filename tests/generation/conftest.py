"""Painters, servers and requests that the tests of generation share."""

import contextlib
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import generation.planning.stage as planning
import generation.serving.server as server
from conf.settings import GenerationSettings
from generation.serving.repository import write_repository
from generation.types import PaintRequest
from reward_model.scorer import PersonalScorer
from tests.support.worlds import tiny

SUPPORT = Path(__file__).parents[1] / "support" / "models"
PREAMBLE = (
    f"import sys; sys.path.insert(0, {str(SUPPORT)!r}); import stand_in; "
    "sys.modules['generation.diffusion.painter'] = stand_in\n"
)


def write_stand_in_repository(folder, settings):
    """The real repository, with the weightless painter of stand_in.py in place of the trained one."""
    written = write_repository(folder, settings)
    model = written / "painter" / "1" / "model.py"
    model.write_text(PREAMBLE + model.read_text())
    return written


@pytest.fixture
def stand_in(monkeypatch):
    """Servers started by the test, and this process, paint with the stand-in."""
    import sys

    from tests.support.models import stand_in as module

    monkeypatch.setattr(server, "write_repository", write_stand_in_repository)
    monkeypatch.setitem(sys.modules, "generation.diffusion.painter", module)
    monkeypatch.setattr(planning, "checkpoint_fingerprint", module.checkpoint_fingerprint)
    return module


@pytest.fixture
def reward_model(monkeypatch):
    """The reward model of tiny.py in place of a trained one."""
    monkeypatch.setattr(PersonalScorer, "of_champion", tiny.KnownScorer.of_champion)


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory, spark_lake, spark_settings):
    """The tiny lake, written once; a test that writes works on a copy."""
    from conf.settings import Settings
    from jobs.lake.context import Context
    from reward_model.encoders.model import ENCODER_ID

    home = tmp_path_factory.mktemp("tiny") / "home"
    tiny.fill(Context(ds=date.fromisoformat(tiny.DS), home=home, settings=Settings(spark=spark_settings)), ENCODER_ID)
    return home


@pytest.fixture
def make_request():
    def make(number=0, **changes):
        reference = np.zeros((64, 64, 3), np.uint8)
        reference[8:56, 8:56] = [(number * 40) % 256, 120, 200]
        given = {
            "prompt": "red fox",
            "reference": reference,
            "preference": np.zeros(160, np.float32),
            "seed": number,
            "steps": 2,
            "guidance": 1.0,
        }
        return PaintRequest(**{**given, **changes})

    return make


@pytest.fixture
def quick():
    """Settings of a small server."""
    return GenerationSettings(max_batch=4, in_flight=8, timeout_s=30.0, steps=2)


def group_of(process):
    """Process ids below the supervisor: the server and its stubs."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    found, wanted = [], {process.pid}
    for _ in range(4):
        wanted |= {int(pid) for pid, parent, _ in rows if int(parent) in wanted}
    found = sorted(wanted - {process.pid})
    return found


def alive(pids):
    """Those that still run (a zombie that nobody reaps does not)."""
    living = []
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                living.append(pid)
    return living
