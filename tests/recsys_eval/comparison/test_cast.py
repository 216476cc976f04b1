import numpy as np
import pytest

from conf.errors import UsageError
from jobs.lake.splits import split_of
from recsys_eval.comparison.cast import Cast, Sizes, dealt


@pytest.fixture(scope="module")
def cast(people_night):
    return Cast.read(people_night.ctx, Sizes(users=9, items=6, groups=3), seed=1)


def test_users_and_items_are_held_out(cast):
    assert {split_of(user) for user in cast.everyone.ids} == {"held_out"}
    assert {split_of(item) for item in cast.item_ids} == {"held_out"}
    assert set(cast.people.ids) <= set(cast.everyone.ids)
    assert cast.pixels.shape == (6, 64, 64, 3)


def test_every_user_is_painted_the_items_of_one_group(cast):
    assert (cast.painted.sum(axis=1) == 2).all()
    assert np.bincount(cast.group).tolist() == [3, 3, 3]


def test_those_drawn_stand_for_all_of_their_group_by_clicks(cast):
    assert cast.weight.sum() == pytest.approx(len(cast.everyone.ids))


def test_the_same_seed_draws_the_same(people_night, cast):
    sizes = Sizes(users=9, items=6, groups=3)
    again, other = (Cast.read(people_night.ctx, sizes, seed=seed) for seed in (1, 2))
    assert again.people.ids == cast.people.ids
    assert again.item_ids == cast.item_ids != other.item_ids


def test_noise_goes_to_the_first_users_with_clicks_of_each_bucket(cast):
    assert cast.noisy(4).sum() == min(4, len(cast.people.ids))


def test_groups_are_even_for_each_kind():
    group = dealt(np.array([0] * 6 + [1] * 3), 3, np.random.default_rng(0))
    assert np.bincount(group[:6]).tolist() == [2, 2, 2]
    assert sorted(group[6:]) == [0, 1, 2]


@pytest.mark.parametrize(("given", "says"), [({"seeds": 0}, "--seeds is 0"), ({"items": 2, "groups": 3}, "--items 2")])
def test_sizes_that_cannot_be_are_refused(given, says):
    with pytest.raises(UsageError, match=says):
        Sizes(**given)
