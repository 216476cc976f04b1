"""Inputs by hand and small stickers worlds."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from conf.settings import WorldSettings
from jobs.ingest.stickers.logs import day_block
from jobs.ingest.stickers.model import World
from jobs.ingest.stickers.pack import PicturePack
from tests.ingest.small_input import SmallInput


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
