"""The figures of written titles on a small strong world, with titles that are known to be right or wrong."""

import numpy as np
import pytest

from conf.settings import WorldSettings
from generation.personalization.dppmg.titles.choosing import Written
from generation.personalization.dppmg.titles.content import content_of
from generation.personalization.dppmg.titles.reward import Judged
from jobs.simulator.model import World
from jobs.simulator.wording import DESCRIPTIVE, PLAIN, PLAYFUL, title
from jobs.stickers.pack import LANGUAGES
from recsys_eval.judge.title_judge import TitleJudge
from recsys_eval.simulation.written import written_probability
from recsys_eval.studies.titles import (
    TitleTable,
    judge_accuracy,
    kind_counts,
    lift_over_plain,
    permutation,
    read_table,
    shares,
    typo,
)

GROUPS = ["de:0", "de:1", "en:0", "en:1"]
KIND = {"de:0": PLAYFUL, "de:1": DESCRIPTIVE, "en:0": PLAYFUL, "en:1": DESCRIPTIVE}


@pytest.fixture(scope="module")
def world():
    return World(WorldSettings(users=400, impressions=2000, subjects=60, days=8, wording="strong"))


@pytest.fixture(scope="module")
def users(world):
    """Adorers of each kind, by language: groups that know what they like."""
    return {
        group: [
            world.user_ids[n]
            for n in range(400)
            if world.users.adored_wording[n] == kind and LANGUAGES[world.users.language[n]] == group[:2]
        ]
        for group, kind in KIND.items()
    }


def table_of(world, kinds):
    """Titles of the first 12 items in the kind of each group."""
    subjects = world.items.pack.subjects[:12]
    contents = [content_of(s.code, s.labels, s.tags) for s in subjects]
    written = [
        [Written((title(s, kinds[group], group[:2]),), (Judged(0.0, ()),), 0, s.labels[group[:2]]) for group in GROUPS]
        for s in subjects
    ]
    return read_table(world, TitleJudge(world.items.pack.subjects), contents, GROUPS, written)


def test_right_titles_are_right_in_every_share(world):
    found = shares(table_of(world, KIND), KIND, seed=0)
    assert {name: cell.value for name, cell in found.items()} == {
        "right language": 1.0,
        "right subject": 1.0,
        "checks passed at the first": 1.0,
        "plain because nothing passed": 0.0,
        "in the kind the group likes most": 1.0,
    }
    other = shares(table_of(world, dict.fromkeys(GROUPS, PLAYFUL)), KIND, seed=0)
    assert other["in the kind the group likes most"].value == 0.5


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
