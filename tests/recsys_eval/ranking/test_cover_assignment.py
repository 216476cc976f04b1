"""Who is assigned which cover."""

import numpy as np
import pytest

from recsys_eval.ranking.compare import treated_rows
from recsys_eval.ranking.cover_assignment import evaluation_assignment, published_assignment
from tests.support.known_world import CUT, DS, SEGMENTS, cover_id


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
