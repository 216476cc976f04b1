"""Rows of the loop's table, of the finished small night and of tables by hand."""

import json
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.errors import UsageError
from conf.load import load_settings
from jobs.lake.context import Context
from jobs.lake.schema.covers import PUBLISHED_COVERS
from jobs.simulator.log.files import write_marker
from recsys_eval.closed_loop.night import LoopWorld, facts_of
from reward_model import registry
from tests.support.runs.small_night import DS
from tests.support.worlds.samples import sample

NIGHT = date.fromisoformat(DS)


def test_a_night_is_a_row_for_every_arm(finished_night):
    settings = load_settings(profile="test")
    ctx = Context(ds=NIGHT, home=finished_night, settings=settings)
    world = LoopWorld(settings)
    rows = {row["arm"]: row for row in world.rows(1, {"profile": ctx, "icg": ctx})}
    assert world.learned() == []
    assert list(rows) == ["original", "best drawing", "profile", "icg"]
    profile, log = rows["profile"], ctx.lake.read("impressions", ds="2026-03-30", columns=["user_id", "cover_id"])
    assert profile["live"] == profile["new"] == ctx.lake.read("published_covers", ds=DS).num_rows
    assert {row["impressions"] for row in rows.values()} == {log.num_rows}
    assert {row["users"] for row in rows.values()} == {len(set(log["user_id"].to_pylist()))}
    painted = set(ctx.lake.read("published_covers", ds=DS)["cover_id"].to_pylist())
    shown = [cover in painted for cover in log["cover_id"].to_pylist()]
    assert profile["covered"] == pytest.approx(sum(shown) / len(shown))
    assert rows["original"]["ctr"]["value"] < rows["best drawing"]["ctr"]["value"]
    assert rows["icg"]["over_first"]["value"] == 0  # the same night twice
    assert rows["original"]["live"] is None
    assert profile["gauc"]["low"] <= profile["gauc"]["value"] <= profile["gauc"]["high"]
    assert json.loads(json.dumps(rows)) == rows


def test_what_is_learned_is_of_the_nights_after_the_first(finished_night):
    """The same night as method and as twin, twice: nothing is learned, and only the second counts."""
    settings = load_settings(profile="test")
    ctx = Context(ds=NIGHT, home=finished_night, settings=settings)
    world, arms = LoopWorld(settings), {"icg": ctx, "icg-frozen": ctx}
    world.rows(1, arms)
    rows = world.rows(2, arms)
    (learned,) = world.learned()
    assert (learned["method"], learned["nights"], learned["impressions"]) == ("icg", [2], rows[0]["impressions"])
    assert (learned["over_frozen"]["value"], learned["over_frozen"]["high"]) == (0, 0)
    assert learned["gap_closed"] == learned["frozen_gap_closed"]
    assert json.loads(json.dumps(learned)) == learned


def published(covers, ds):
    rows = [
        {"ds": ds, "item_id": cover, "segment_id": "s", "cover_id": cover, "unit_id": "u", "decision_id": "d"}
        for cover in covers
    ]
    return pa.Table.from_pylist(rows, schema=PUBLISHED_COVERS.schema)


def test_a_cover_is_new_on_the_first_night_that_it_is_live(make_context, tmp_path):
    """a and b on the first night, b and c on the second: c is new; the third does not count."""
    ctx = make_context(ds=DS)
    for ds, covers in (("2026-03-28", "ab"), (DS, "bc"), ("2026-03-30", "cd")):
        write_deltalake(ctx.lake.path("published_covers"), published(covers, ds), mode="append")
    ran = {
        "ds": DS,
        "stage": ["generate", "play"],
        "seconds": [10.0, 20.0],
        "metrics": [[("pictures_painted", 7.0)], []],
    }
    write_deltalake(ctx.lake.path("runs"), sample("runs", 2, **ran))
    model = registry.models_dir(tmp_path) / "v2"
    model.mkdir(parents=True)
    gauc = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 5}
    (model / registry.MANIFEST).write_text(json.dumps({"files": {}, "metrics": {"torch": {"gauc": gauc}}}))
    registry.write_champion(tmp_path, NIGHT, {"version": "v1", "challenger": "v2"})
    assert facts_of(ctx) == {
        "live": 2, "new": 1, "painted": 7, "gauc": {"value": 0.7, "low": 0.6, "high": 0.8},
        "champion_is_new": False, "seconds": 30.0,
    }  # fmt: skip


def test_a_frozen_nights_champion_is_not_new(make_context, tmp_path):
    ctx = make_context(ds=DS)
    write_deltalake(ctx.lake.path("published_covers"), published("a", DS))
    ran = {"ds": DS, "stage": ["generate"], "seconds": [1.0], "metrics": [[("pictures_painted", 1.0)]]}
    write_deltalake(ctx.lake.path("runs"), sample("runs", 1, **ran))
    model = registry.models_dir(tmp_path) / "v1"
    model.mkdir(parents=True)
    gauc = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 5}
    (model / registry.MANIFEST).write_text(json.dumps({"files": {}, "metrics": {"torch": {"gauc": gauc}}}))
    for more, new in (({}, True), ({"frozen_since": "2026-03-01"}, False)):
        registry.write_champion(tmp_path, NIGHT, {"version": "v1", "challenger": "v1", **more})
        assert facts_of(ctx)["champion_is_new"] is new


def test_the_home_of_another_world_is_refused(make_context, tmp_path):
    ctx = make_context()
    world = LoopWorld(ctx.settings)
    world.check(ctx)  # nothing is there yet
    root = tmp_path / "input"
    root.mkdir()
    write_marker(world.world, root)
    world.check(ctx)
    other = ctx.settings.model_copy(update={"world": ctx.settings.world.model_copy(update={"users": 40})})
    with pytest.raises(UsageError, match=r"holds another world: world\.users=3000, not 40"):
        LoopWorld(other).check(replace(ctx, settings=other))
