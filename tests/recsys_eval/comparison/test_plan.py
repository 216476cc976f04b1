import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.history import history_id
from generation.personalization.methods import METHODS
from generation.types import PREFERENCE_DIM
from recsys_eval.comparison.arms import Arm
from recsys_eval.comparison.cast import Cast, Sizes
from recsys_eval.comparison.plan import Painters, Plan, add_arm, profile_of
from tests.support.models.example_method import SPEC


def stand_in(name):
    return Arm(name=name, method=name, folder=None, ablation=None, fingerprint=name[0] * 16)


@pytest.fixture(scope="module")
def cast(people_night):
    return Cast.read(people_night.ctx, Sizes(users=4, items=2, groups=1), seed=1)


PAINTERS = Painters(
    arms={"profile": stand_in("profile"), "icg": stand_in("icg"), "newest": stand_in("newest")},
    settings=GenerationSettings(),
)


def arm(plan, cast, method, audience, preference, seed=0, history=None):
    wanted = np.ones((1, 2), bool)
    add_arm(
        plan, cast, PAINTERS, method=method, audience=audience, seed=seed,
        profiles=[profile_of("u1", preference, history)], whom=["u1"], wanted=wanted,
    )  # fmt: skip
    return plan.tables[-1].units


LIKES = np.full(PREFERENCE_DIM, 0.25, np.float32)
NOTHING = np.zeros(PREFERENCE_DIM, np.float32)


def test_arms_differ_by_method_taste_and_seed_and_start_from_the_same_noise(cast):
    plan = Plan()
    tables = [
        arm(plan, cast, "profile", "user", LIKES),
        arm(plan, cast, "icg", "user", LIKES),
        arm(plan, cast, "profile", "user", NOTHING),
        arm(plan, cast, "profile", "user", LIKES, seed=1),
    ]
    assert len({name for table in tables for name in table.reshape(-1)}) == len(plan.units) == 8
    seeds = [[plan.units[name].seed for name in table[0]] for table in tables]
    assert seeds[0] == seeds[1] == seeds[2] != seeds[3]


def test_somebody_without_a_taste_is_everybodys_unit(cast):
    plan = Plan()
    everybody = arm(plan, cast, "profile", "everybody", NOTHING)
    assert (arm(plan, cast, "profile", "user", NOTHING) == everybody).all()
    assert len(plan.units) == 2


def test_only_what_noise_alone_needs_counts_as_noise(cast):
    plan = Plan()
    arm(plan, cast, "profile", "user", LIKES)
    arm(plan, cast, "profile", "random 40%", LIKES)
    assert plan.with_noise == set()
    assert len(arm(plan, cast, "profile", "random 60%", 2 * LIKES)) == 1
    assert len(plan.with_noise) == 2


def test_a_method_that_needs_them_is_told_the_events_and_others_paint_the_same_without(cast, monkeypatch):
    monkeypatch.setitem(METHODS, "newest", SPEC)
    plan, history = Plan(), np.full((48, 165), 0.5, np.float32)
    units = [plan.units[name] for name in arm(plan, cast, "newest", "user", LIKES, history=history)[0]]
    assert {unit.history_id for unit in units} == {history_id(history)}
    np.testing.assert_array_equal(plan.histories[history_id(history)], history)
    assert (
        arm(plan, cast, "profile", "user", LIKES, history=history) == arm(plan, cast, "profile", "user", LIKES)
    ).all()
    assert arm(plan, cast, "newest", "user", NOTHING, history=history)[0, 0] in plan.units
    assert plan.units[plan.tables[-1].units[0, 0]].history_id is None


def test_arms_are_found_by_name_and_seed(cast):
    plan = Plan()
    arm(plan, cast, "profile", "user", LIKES)
    arm(plan, cast, "profile", "user", LIKES, seed=1)
    assert plan.table("profile", "user", 1).seed == 1
    assert [each.seed for each in plan.seeds("profile", "user")] == [0, 1]
