"""Who is assigned which cover."""

import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.lake.schema.covers import PUBLISHED_COVERS
from recsys_eval.ranking.compare import treated_rows
from recsys_eval.ranking.cover_assignment import evaluation_assignment, published_assignment, random_drawing_assignment
from tests.support.worlds.known_world import CUT, DS, SEGMENTS, cover_id


def test_shuffled_offers_are_all_another_segments(telling_night):
    assignment = published_assignment(telling_night.lake, DS)
    shuffled = assignment.shuffled(1)
    before = dict(zip(assignment.covers["cover_id"], assignment.covers["segment_id"], strict=True))
    after = dict(zip(shuffled.covers["cover_id"], shuffled.covers["segment_id"], strict=True))
    assert set(before) == set(after)
    assert all(before[cover] != after[cover] for cover in before)
    single = evaluation_assignment(telling_night.lake, DS, CUT)
    only = type(single)(covers=single.covers.filter(single.covers["segment_id"] == "s0"), segments=single.segments)
    assert only.shuffled(1) is None


def test_random_drawings_are_of_the_same_item_and_drawn_alike(telling_night):
    assignment = published_assignment(telling_night.lake, DS)
    random = random_drawing_assignment(telling_night.lake, assignment, 3)
    pairs = ["item_id", "segment_id"]
    assert random.covers.select(pairs).sort(pairs).equals(assignment.covers.select(pairs).sort(pairs))
    looks = []
    for record in random.covers.iter_rows(named=True):
        item = int(record["item_id"][1:])
        looks.append([cover_id("drawn", item, look) for look in (0, 1)].index(record["cover_id"]))
    assert 0.3 < np.mean(looks) < 0.7
    again = random_drawing_assignment(telling_night.lake, assignment, 3)
    assert again.covers.drop("relevance").equals(random.covers.drop("relevance"))


def test_covers_reach_the_right_impressions(telling_night):
    play = telling_night.play
    rows, relevance = published_assignment(telling_night.lake, DS).of(play)
    world = telling_night.scorer_of(DS).world
    for at in (0, 7, 100, 2000):
        record = play.frame.row(at, named=True)
        item, user = int(record["item_id"][1:]), int(record["user_id"][1:])
        if world.published[item]:
            expected = cover_id("painted", item, SEGMENTS[world.liking[user]])
            assert play.sources.covers.ids[int(rows[at]) - 1].as_py() == expected
        else:
            assert rows[at] == 0
    some = np.flatnonzero(rows > 0)
    assert np.nanmax(relevance[some]) == pytest.approx(0.9)
    treated = treated_rows(play)
    assert (play.logged_row == rows)[treated & (rows > 0)].all()


def test_a_user_with_covers_of_their_own_is_offered_these_and_else_their_segments(people_night, tmp_path):
    lake = people_night.lake
    before = published_assignment(lake, people_night.ctx.ds)
    user, segment = before.segments.filter(before.segments["segment_id"] == "s0").row(0)
    item, kept = before.covers.filter(before.covers["segment_id"] == "s0")["item_id"][:2].to_list()
    home = tmp_path / "home"
    shutil.copytree(people_night.ctx.home, home)
    ctx = replace(people_night.ctx, home=home)
    published = ctx.lake.read("published_covers", ds=ctx.ds).to_pylist()
    own = next(row for row in published if row["item_id"] == item and row["segment_id"] != "s0")
    rows = pa.Table.from_pylist([{**own, "segment_id": f"user:{user}"}], schema=PUBLISHED_COVERS.schema)
    write_deltalake(ctx.lake.path("published_covers"), rows, mode="append")
    after = published_assignment(ctx.lake, ctx.ds)
    audience = dict(after.segments.iter_rows())[user]
    assert audience == f"user:{user}"
    mine = dict(after.covers.filter(after.covers["segment_id"] == audience).select("item_id", "cover_id").iter_rows())
    theirs = dict(
        before.covers.filter(before.covers["segment_id"] == segment).select("item_id", "cover_id").iter_rows()
    )
    assert mine == {**theirs, item: own["cover_id"]}
    assert mine[kept] == theirs[kept]
    assert after.segments.filter(after.segments["user_id"] != user).equals(
        before.segments.filter(before.segments["user_id"] != user)
    )
