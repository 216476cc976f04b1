"""A planned night on the tiny lake, to be painted."""

import shutil
from datetime import date

import pytest

from conf.settings import GenerationSettings, Settings
from generation.planning.stage import planned
from jobs.lake.context import Context
from jobs.lake.schema.covers import GENERATION_PLAN
from tests.support.models.stand_in import Painter
from tests.support.worlds import tiny

GENERATION = {"evaluation_items": 1, "candidates": 2, "max_batch": 4, "steps": 2}


@pytest.fixture(scope="module")
def planned_home(tiny_home, spark_settings, tmp_path_factory):
    """A planned night on the tiny lake: 5 units to publish, 1 to evaluate, 5 controls, 2 candidates each."""
    home = tmp_path_factory.mktemp("planned") / "home"
    shutil.copytree(tiny_home, home)
    settings = Settings(spark=spark_settings, generation=GenerationSettings(**GENERATION))
    ctx = Context(ds=date.fromisoformat(tiny.DS), home=home, settings=settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reward_model.scorer.PersonalScorer.of_champion", tiny.KnownScorer.of_champion)
        tiny.write(ctx, planned(ctx, {"profile": Painter.fingerprint}).to_pylist(), GENERATION_PLAN)
    return home
