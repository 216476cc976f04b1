"""A log small enough to work out by hand, and one of two kinds of users, with the stage run on both."""

from datetime import date

import pytest

from conf.settings import Settings
from jobs.features import behaviour, stage
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from tests.support.worlds.feature_logs import LAST, Log, two_tastes
from tests.support.worlds.feature_nights import REWARD, behaviour_rows, night, padded


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, spark_settings):
    log = Log()
    log.item("A", "food", "2026-03-01T00:00:00")
    log.item("B", "pets", "2026-03-28T12:00:00")
    log.item("C", "food", "2026-03-29T06:00:00")
    log.cover("a0", padded([1, 0, 0], 128), padded([1, 0], 32))
    log.cover("a1", padded([0, 0, 1], 128), padded([0.6, 0.8], 32))
    log.cover("b0", padded([0, 1, 0], 128), padded([0, 1], 32))
    log.shown("2026-03-27T10:00:00", "u1", "A", "a0", 1, True)
    log.shown("2026-03-27T10:00:00", "u1", "B", "b0", 2, False)
    log.shown("2026-03-29T20:00:00", "u1", "B", "b0", 1, True)
    log.shown("2026-03-29T20:00:00", "u1", "A", "a1", 2, False)
    log.shown("2026-03-01T09:00:00", "u2", "A", "a0", 1, True)
    log.shown("2026-03-28T08:00:00", "u2", "A", "a0", 1, False)
    log.shown("2026-03-29T01:00:00", "u3", "B", "no-features", 2, True)
    settings = Settings.model_validate({"spark": spark_settings.model_dump(), "reward": REWARD})
    ctx = Context(ds=date(2026, 3, 29), home=tmp_path_factory.mktemp("tiny"), settings=settings)
    log.write(ctx.lake)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviour, "MIN_RANDOMISED_CLICKS", 1)
        ctx.result = stage.run(ctx)
    return ctx


@pytest.fixture(scope="session")
def tonight(tmp_path_factory, spark_settings):
    return night(tmp_path_factory.mktemp("tonight"), spark_settings, LAST, {"test_days": 2, "label_days": 1})


@pytest.fixture(scope="session")
def later(tmp_path_factory, spark_settings, tonight):
    """The same log two days on, with new users, items and covers: a lake, and rows of tonight's days and two more."""
    lake = Lake(str(tmp_path_factory.mktemp("later")), spark_settings)
    two_tastes("2026-03-31").write(lake)
    days = sorted(tonight.lake.partitions("user_features") | {"2026-03-30", "2026-03-31"})
    return lake, behaviour_rows(lake, days)
