"""The lake whose pages and clicks are known."""

from datetime import date

import pytest

from benchmarks import made_up_night
from conf.settings import Settings
from jobs.lake.context import Context
from tests.support.desk import known_feed


@pytest.fixture(scope="package")
def known_lake(tmp_path_factory):
    """The lake, and the units of the night."""
    ctx = Context(ds=date.fromisoformat(made_up_night.DS), home=tmp_path_factory.mktemp("known"), settings=Settings())
    units = list(made_up_night.units(24))
    known_feed.fill(ctx, units)
    return ctx.lake, units
