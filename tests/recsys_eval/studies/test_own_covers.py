"""Own covers that are the segment's are worth as much; and those that are the favourite drawing, all there is."""

import shutil
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.errors import UsageError
from jobs.lake.audiences import user_audience
from jobs.lake.schema.covers import PUBLISHED_COVERS
from jobs.simulator.model import World
from recsys_eval.studies.own_covers import ELSE, OWN, OwnCovers, Published, own_covers, relative, worth


@pytest.fixture
def ctx(people_night, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(people_night.ctx.home, home)
    return replace(people_night.ctx, home=home)


def publish(ctx, user, covers):
    rows = [
        {
            "ds": ctx.ds.isoformat(), "item_id": item, "segment_id": user_audience(user), "cover_id": cover,
            "unit_id": f"{user}{item}", "decision_id": "d",
        }
        for item, cover in covers
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=PUBLISHED_COVERS.schema)
    write_deltalake(ctx.lake.path("published_covers"), table, mode="append")


def member(ctx):
    rows = ctx.lake.read("user_segments", ds=ctx.ds).to_pylist()
    return rows[0]["user_id"], rows[0]["segment_id"]


def test_a_night_without_any_says_so(ctx):
    with pytest.raises(UsageError, match=r"generation\.level=user"):
        own_covers(ctx, OwnCovers())


def test_the_segments_cover_as_ones_own_gains_nothing(ctx, capsys):
    user, segment = member(ctx)
    rows = ctx.lake.read("published_covers", ds=ctx.ds).to_pylist()
    theirs = [(row["item_id"], row["cover_id"]) for row in rows if row["segment_id"] == segment]
    publish(ctx, user, theirs)
    means = worth(ctx, Published.read(ctx), resamples=20, seed=0)
    assert relative(means).value == pytest.approx(0)
    assert means.lift(OWN).value == pytest.approx(means.lift(ELSE).value)
    assert (means.users, means.items) == (1, len(theirs))


def test_the_favourite_drawing_closes_the_gap_against_the_original_elsewhere(ctx):
    """For an item that the segment has no cover of, what would be shown else is the original."""
    user, _ = member(ctx)
    world = World(ctx.settings.world)
    shown = set(ctx.lake.read("published_covers", ds=ctx.ds)["item_id"].to_pylist())
    favourite = int(world.favourite[world.user_index([user])[0]])
    item = next(
        place for place, code in enumerate(world.items.item_ids)
        if code not in shown and world.items.drawn[place, favourite] and world.items.default[place] != favourite
    )  # fmt: skip
    publish(ctx, user, [(world.items.item_ids[item], str(world.items.cover_ids[item, favourite]))])
    means = worth(ctx, Published.read(ctx), resamples=20, seed=0)
    assert means.gap_closed(ELSE).value == pytest.approx(0)
    assert means.gap_closed(OWN).value > 0.5
    assert relative(means).value == pytest.approx(means.lift(OWN).value)
