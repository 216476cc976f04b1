import numpy as np
import pytest

from conf.errors import UsageError
from jobs.simulator.model import World
from recsys_eval.people.events import People
from recsys_eval.studies.user_liking import UserLiking, by_bucket, true_segment_favourite, user_liking
from tests.support.worlds.sticker_night import DS


def test_the_table_has_a_row_a_chooser_and_the_truth_is_at_the_top(people_night, capsys):
    user_liking(people_night.ctx, UserLiking(only=("everybody", "segment", "rocchio"), noise=(0.4,)))
    printed = capsys.readouterr().out.splitlines()
    first = {row[:32].strip(): row for row in reversed(printed)}
    value = {name: float(row[32:].split()[0]) for name, row in first.items() if "[" in row}
    assert set(value) == {
        "everybody", "segment", "rocchio", "the segment's true favourite", "their own true favourite",
    }  # fmt: skip
    assert max(value, key=lambda name: value[name]) == "their own true favourite"
    asked = People.read(people_night.ctx, "validation")
    world = World(people_night.ctx.settings.world)
    best = world.style_taste[world.user_index(asked.ids)].max(axis=1).mean()
    assert value["their own true favourite"] == pytest.approx(best, abs=0.006)
    assert [row.split()[0] for row in printed if "40%" in row] == ["random", "household"]


def test_the_segments_true_favourite_is_of_all_its_members_not_of_those_asked_about(people_night):
    world = World(people_night.ctx.settings.world)
    everyone = People.everybody(people_night.ctx)
    one = everyone.take(np.array([3]))
    members = np.array(everyone.segment) == one.segment[0]
    favourite = world.style_taste[members].mean(axis=0).argmax()
    found = true_segment_favourite(world, world.style_taste[[3]], one, everyone)
    assert found.tolist() == [world.style_taste[3, favourite]]


def test_means_by_clicks_are_of_those_users():
    people = People(as_of=DS, ids=("a", "b", "c"), clicks=np.array([0, 0, 12]), segment=("s",) * 3)
    found = by_bucket(np.array([1.0, 3.0, 8.0]), people, seed=0)
    assert [each and each.value for each in found] == [4.0, 2.0, None, None, 8.0]


def test_a_way_that_there_is_not_is_refused_before_anything_is_read(people_night):
    with pytest.raises(UsageError, match="no way to choose called 'taro'"):
        user_liking(people_night.ctx, UserLiking(only=("taro",)))
