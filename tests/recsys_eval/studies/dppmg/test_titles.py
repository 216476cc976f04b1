"""The figures of written titles on a small strong world, with titles that are known to be right or wrong."""

import numpy as np
import pytest

from generation.personalization.dppmg.titles.choosing import Written
from generation.personalization.dppmg.titles.reward import Judged
from jobs.simulator.wording import PLAIN
from recsys_eval.judge.title_judge import TitleJudge
from recsys_eval.simulation.title_table import TitleTable
from recsys_eval.simulation.written import written_probability
from recsys_eval.studies.dppmg.titles import (
    judge_accuracy,
    kind_counts,
    lift_over_plain,
    permutation,
    typo,
    without_choice,
)
from tests.support.tastes.title_tables import GROUPS, KIND, adorers, strong_world, table_of


@pytest.fixture(scope="module")
def world():
    return strong_world()


@pytest.fixture(scope="module")
def users(world):
    return adorers(world)


def test_the_lift_is_that_of_the_means_and_zero_for_plain_titles(world, users):
    table = table_of(world, KIND)
    found = lift_over_plain(world, table, users, resamples=50, seed=0)
    chances = {True: [], False: []}
    plain = table_of(world, dict.fromkeys(GROUPS, PLAIN))
    for group in GROUPS:
        for user in world.user_index(users[group]):
            who = np.full(12, user)
            chances[True].append(written_probability(world, who, table.items, table.column(group)))
            chances[False].append(written_probability(world, who, table.items, plain.column(group)))
    assert found.value == pytest.approx(np.sum(chances[True]) / np.sum(chances[False]) - 1)
    assert found.low > 0
    nothing = lift_over_plain(world, plain, users, resamples=20, seed=0)
    assert (nothing.value, nothing.low, nothing.high) == pytest.approx((0, 0, 0))


def test_own_titles_beat_those_of_another_group(world, users):
    own, other, _ = permutation(world, table_of(world, KIND), users, np.random.default_rng(0))
    assert own > other + 0.3
    same = permutation(world, table_of(world, dict.fromkeys(GROUPS, PLAIN)), users, np.random.default_rng(0))
    assert same[0] == pytest.approx(same[1])
    assert same[2] == 1.0


def test_a_typo_is_one_letter():
    generator = np.random.default_rng(0)
    made = [typo("pizza", generator) for _ in range(50)]
    assert {len(text) for text in made} == {4, 5, 6}
    assert len(set(made)) > 20


def test_kinds_are_counted_by_group(world):
    told = kind_counts(table_of(world, KIND))
    assert told.split(", ")[0] == "de:0 0%/0%/100%"


def test_the_judge_is_tried_on_its_own_strings(world):
    found = judge_accuracy(TitleJudge(world.items.pack.subjects), world.items.pack, seed=0)
    assert found["judge, true strings"].value > 0.99
    assert found["judge, one typo"].value > 0.9
    assert isinstance(table_of(world, KIND), TitleTable)


def test_without_the_choice_the_likeliest_stands_where_it_passes():
    passing, failing = Judged(0.1, ()), Judged(0.5, ("label",))
    better = Written(("a", "b"), (passing, Judged(0.9, ())), 1, "plain")
    second = Written(("c", "d"), (failing, passing), 1, "plain")
    assert [one.title for one in without_choice([[better, second]])[0]] == ["a", "plain"]
