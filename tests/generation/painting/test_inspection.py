"""Waves of a plan, and that looking at them one by one finds what looking at all at once finds."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

import generation.painting.inspection as inspection
from conf.errors import TryAgainError
from generation.painting.inspection import Inspection, candidates_of, waves_of
from generation.painting.stage import run
from generation.rewards import candidates
from generation.rewards.registry import build_panel
from tests.generation.painting.conftest import GENERATION
from tests.support.worlds import tiny


def plan_of(*items):
    return pa.table({"item_id": list(items), "rank": list(range(len(items)))})


def test_a_wave_has_whole_items_in_the_order_of_their_best_unit(monkeypatch):
    monkeypatch.setattr(inspection, "WAVE_UNITS", 3)
    waves = waves_of(plan_of("b", "a", "b", "c", "a", "d"))
    assert [wave["item_id"].to_pylist() for wave in waves] == [["b", "b"], ["a", "c", "a"], ["d"]]
    assert waves_of(plan_of("a", "a", "a", "a", "b"))[0]["item_id"].to_pylist() == ["a"] * 4
    assert waves_of(plan_of()) == []


@pytest.fixture
def night(planned_home, make_context, stand_in, reward_model, tmp_path):
    """The planned night with rewards that compare an item's covers, painted in this process."""

    def make(name):
        shutil.copytree(planned_home, tmp_path / name)
        generation = {**GENERATION, "backend": "inprocess"}
        weights = {"personal": 1.0, "relevance": 0.5, "aesthetic": 0.2, "diversity": 0.8}
        return make_context(ds=tiny.DS, home=tmp_path / name, generation=generation, weights=weights)

    return make


def scored(ctx):
    rows = ctx.lake.read("generated_covers", ds=tiny.DS).to_pandas().sort_values(["unit_id", "candidate"])
    return rows.set_index(["unit_id", "candidate"])[["score", "selected", "cover_id"]]


def test_waves_score_as_one_look_at_everything_does(night, monkeypatch):
    whole = night("whole")
    assert len(waves_of(whole.lake.read("generation_plan", ds=tiny.DS))) == 1
    run(whole)
    monkeypatch.setattr(inspection, "WAVE_UNITS", 1)
    built = []
    monkeypatch.setattr(candidates, "build_panel", lambda *given: built.append(given) or build_panel(*given))
    parts = night("parts")
    assert len(waves_of(parts.lake.read("generation_plan", ds=tiny.DS))) > 2
    result = run(parts)
    expected, found = scored(whole), scored(parts)
    assert found["cover_id"].tolist() == expected["cover_id"].tolist()
    assert found["selected"].tolist() == expected["selected"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)
    plan = parts.lake.read("generation_plan", ds=tiny.DS)
    assert len(built) == len(set(plan["as_of"].to_pylist())), "rewards are made ready once a day, not once a wave"
    assert result.metrics["score_seconds"] > 0
    assert result.metrics["score_cpu_seconds"] > 0
    assert result.metrics["pictures_asked_safety"] == 10


def test_candidates_are_those_of_painted_units_in_the_order_of_the_plan(night):
    ctx = night("home")
    plan = ctx.lake.read("generation_plan", ds=tiny.DS).sort_by("rank")
    ids = plan["unit_id"].to_pylist()
    outcomes = [
        {"unit_id": ids[1], "generator": "g", "cover_ids": ["x" * 64, "y" * 64], "error": None},
        {"unit_id": ids[0], "generator": "g", "cover_ids": [], "error": "INTERNAL: broken"},
    ]
    found = candidates_of(plan, outcomes, tiny.DS)
    assert found[["unit_id", "candidate", "cover_id"]].values.tolist() == [
        [ids[1], 0, "x" * 64],
        [ids[1], 1, "y" * 64],
    ]
    assert not candidates_of(plan, outcomes, "2026-03-30")["publishable"].any()


def test_nothing_painted_at_all_is_try_again(night):
    ctx = night("home")
    look = Inspection(ctx)
    plan = ctx.lake.read("generation_plan", ds=tiny.DS)
    failed = [
        {"unit_id": unit_id, "generator": "g", "cover_ids": [], "error": "INTERNAL: broken"}
        for unit_id in plan["unit_id"].to_pylist()
    ]
    look.look(plan, failed)
    with pytest.raises(TryAgainError, match="Nothing was painted"):
        look.found()
