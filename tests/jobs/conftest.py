"""Inputs by hand and small stickers worlds."""

import subprocess
import sys
import textwrap
from datetime import date, timedelta

import pyarrow as pa
import pytest

from conf.settings import WorldSettings
from jobs.simulator.log.impressions import day_block
from jobs.simulator.model import World
from jobs.stickers.pack import PicturePack
from tests.support.worlds.small_input import SmallInput


@pytest.fixture
def small_input(tmp_path):
    """``small_input("csv")`` makes the input folder of a context whose home is ``tmp_path``."""

    def make(form: str) -> SmallInput:
        return SmallInput(tmp_path / "input", form)

    return make


@pytest.fixture(scope="session")
def pack() -> PicturePack:
    return PicturePack.load()


@pytest.fixture(scope="session")
def world(pack) -> World:
    """600 users and 60,000 impressions over eight days."""
    return World(WorldSettings(users=600, impressions=60_000, days=8, start=date(2026, 3, 2)), pack)


@pytest.fixture(scope="session")
def world_log(world) -> pa.Table:
    return pa.concat_tables([day_block(world, date(2026, 3, 2) + timedelta(days=n), 0) for n in range(8)])


@pytest.fixture
def run_python():
    """Run a script in a fresh interpreter; returns the finished process."""

    def run(script):
        command = [sys.executable, "-c", textwrap.dedent(script)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return run
