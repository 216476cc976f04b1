"""What a frozen twin keeps of its first night, and what it knows of its own."""

import shutil
from datetime import date, timedelta

import pyarrow.compute as pc
import pytest

from conf.errors import UsageError
from conf.load import load_settings
from jobs.lake.context import Context
from jobs.stages import STAGES, resolve
from recsys_eval.closed_loop import frozen
from reward_model import registry
from tests.support.runs.small_night import DS

FIRST = date.fromisoformat(DS)
SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def second(finished_night, tmp_path):
    shutil.copytree(finished_night, tmp_path / "home")
    return Context(ds=SECOND, home=tmp_path / "home", settings=load_settings(profile="test"))


def rows(context, table, ds, *, key):
    found = context.lake.read(table, ds=ds).drop_columns(["ds"])
    return found.sort_by(key)


def test_tastes_stay_those_of_the_first_night_and_items_go_on(second):
    """The second night's own features know the day that was played; the twin keeps none of it but items' counts."""
    result = frozen.features(second)
    assert f"stay those of {FIRST}" in result.note
    for table, key in (("user_features", "user_id"), ("user_segments", "user_id"), ("segments", "segment_id")):
        assert rows(second, table, SECOND, key=key).equals(rows(second, table, FIRST, key=key)), table
    histories = rows(second, "user_history", SECOND, key="user_id")
    assert histories.equals(rows(second, "user_history", FIRST, key="user_id"))
    items, before = (rows(second, "item_features", ds, key="item_id") for ds in (SECOND, FIRST))
    assert pc.all(pc.greater(items["age_days"], before["age_days"])).as_py()
    log = second.lake.read("impressions", ds=SECOND, columns=["item_id"])
    assert pc.sum(items["impressions_1d"]).as_py() == log.num_rows


def test_the_first_nights_champion_stays(second):
    told = registry.read_champion(second.home, FIRST)
    result = frozen.reward_model(second)
    found = registry.read_champion(second.home, SECOND)
    assert (found["version"], found["ds"], found["frozen_since"]) == (told["version"], SECOND.isoformat(), DS)
    assert told["version"] in result.note
    assert registry.champion_dir(second.home, SECOND) == registry.champion_dir(second.home, FIRST)


def test_without_a_first_night_there_is_nothing_to_keep(make_context):
    settings = load_settings(profile="test")
    context = make_context(ds="2026-03-30")
    context.settings = settings
    with pytest.raises(UsageError, match="run `coverlift train-reward`"):
        frozen.reward_model(context)


def test_what_runs_in_the_place_of_a_stage_can_be_loaded():
    found = {stage.name: stage for stage in frozen.frozen_stages(STAGES)}
    assert {name for name, stage in found.items() if stage not in STAGES} == set(frozen.LEARNS_NO_MORE)
    assert resolve(found["features"].function) is frozen.features
    assert resolve(found["train-reward"].function) is frozen.reward_model
