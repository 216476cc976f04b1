from dataclasses import replace

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.user_history import read_user_histories
from recsys_eval.comparison.cast import Sizes
from recsys_eval.comparison.plan import Painters
from recsys_eval.comparison.planning import plan_of
from tests.support.worlds.comparison_lab import PROFILE, source_of
from tests.support.worlds.sticker_night import ENCODER

SIZES = Sizes(users=6, items=2, groups=2, noise_users=3, seeds=2)
PAINTERS = Painters(arms={"profile": PROFILE}, settings=GenerationSettings())


@pytest.fixture(scope="module")
def source(people_night):
    return source_of(people_night, SIZES)


def test_both_levels_are_painted_with_every_seed_and_noise_with_the_first(source):
    plan = plan_of(source, PAINTERS, SIZES, noise=(0.0, 0.4))
    assert [(arm.audience, arm.seed) for arm in plan.tables] == [
        ("segment", 0), ("everybody", 0), ("user", 0),
        ("segment", 1), ("everybody", 1), ("user", 1),
        ("random 40%", 0), ("household 40%", 0),
    ]  # fmt: skip
    assert plan.table("profile", "segment").units.shape == (4, 2)
    users = plan.table("profile", "user")
    assert ((users.units != "") == source.cast.painted).all()
    noisy = plan.table("profile", "household 40%")
    assert ((noisy.units != "").any(axis=1) == source.cast.noisy(3)).all()


def test_users_are_told_their_own_preference_and_nobodys_without_a_click(source):
    profiles = source.users()
    told = np.stack([np.concatenate([each.pref_embedding, each.pref_style]) for each in profiles])
    np.testing.assert_array_equal(told, source.events.preferences(source.cast.people.ids, source.catalogue))
    nobody = source.cast.people.take(np.arange(2))
    silent = type(source)(
        ctx=source.ctx, events=source.events, catalogue=source.catalogue, world=source.world, seed=1,
        cast=type(source.cast)(
            everyone=source.cast.everyone, people=type(nobody)(
                as_of=nobody.as_of, ids=nobody.ids, clicks=np.zeros(2, np.int64), segment=nobody.segment
            ),
            group=source.cast.group[:2], content=source.cast.content, pixels=source.cast.pixels,
            item_group=source.cast.item_group,
        ),
    )  # fmt: skip
    assert not any(each.pref_style.any() or each.pref_embedding.any() for each in silent.users())
    assert {each.segment_id for each in silent.users()} == {"all"}


def test_users_are_told_what_they_were_shown_where_an_arm_reads_it(source):
    """By the function that a night for single users is planned with."""
    profiles = replace(source, needs=frozenset({"preference", "history"})).users()
    known = [each.segment_id for each in profiles if each.known]
    expected = read_user_histories(source.ctx.lake, source.ctx.ds, known, ENCODER)
    told = {each.segment_id: each.history for each in profiles if each.history is not None}
    assert set(told) == set(expected) == set(known)
    assert known
    for user, history in expected.items():
        np.testing.assert_array_equal(told[user], history)


def test_the_segment_level_alone_asks_for_no_user(source):
    plan = plan_of(source, PAINTERS, SIZES, levels=("segment",), noise=(0.4,))
    assert {arm.audience for arm in plan.tables} == {"segment", "everybody"}
