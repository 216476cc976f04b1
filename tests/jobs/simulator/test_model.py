import hashlib
import math
from datetime import date

import numpy as np
import pytest

from conf.settings import WorldSettings
from jobs.simulator.log.impressions import day_block
from jobs.simulator.model import World


def test_the_formula_by_hand(world):
    user, item = 17, 5
    style = np.array([[0.5, 0.0, 0.3, 0.0, 0.2, 0.0]])
    taste = world.users.style_taste[user]
    subject = sum(world.users.factors[user][k] * world.items.factors[item][k] for k in range(8)) * 0.7 / math.sqrt(8)
    logit = (
        -3.1
        + world.users.bias[user]
        + world.items.quality[item]
        + subject
        + (0.5 * taste[0] + 0.3 * taste[2] + 0.2 * taste[4])
        + world.users.wording_taste[user, 2]
        - 1.5 * (1 - 0.75)
    )
    expected = 4**-0.6 / (1 + math.exp(-logit))
    found = world.click_probability(
        np.array([user]), np.array([item]), style, np.array([0.75]), np.array([2]), np.array([4])
    )
    assert found[0] == pytest.approx(expected, rel=1e-12)


def test_the_same_settings_make_the_same_world_and_another_seed_another(world, pack):
    same, other = World(world.settings, pack), World(world.settings.model_copy(update={"seed": 1}), pack)
    np.testing.assert_array_equal(same.style_taste, world.style_taste)
    np.testing.assert_array_equal(same.items.default, world.items.default)
    assert (other.items.default != world.items.default).any()


def test_scale_multiplies_users(pack):
    assert World(WorldSettings(users=100, scale=2.5), pack).users.size == 250


def test_identities(world):
    assert world.user_ids[12] == "u0000012"
    assert world.user_index(["u0000012", "u0000000"]).tolist() == [12, 0]
    assert world.item_index([world.items.item_ids[7]]).tolist() == [7]
    for strange in ("u0000600", "x", "u-1"):
        with pytest.raises(ValueError, match="not in this world of 600 users"):
            world.user_index([strange])
    with pytest.raises(ValueError, match="not a subject"):
        world.item_index(["nobody"])


def test_half_of_the_users_are_treated(world):
    assert world.treated.sum() == 300
    assert world.last_day == date(2026, 3, 9)


def test_wrong_style_shapes_are_refused(world):
    with pytest.raises(ValueError, match=r"expected \(1, 6\)"):
        world.click_probability(np.array([0]), np.array([0]), np.ones((1, 5)), 1.0)


def test_the_default_world_is_what_it_was_before_it_had_a_setting_for_wording():
    world = World(WorldSettings(users=40, impressions=2000, subjects=60, days=8))
    day = day_block(world, date(2026, 3, 4), 0)
    # Pinned from the version before, by hashes of all columns and of the tastes.
    assert hashlib.sha256(repr(day.to_pydict()).encode()).hexdigest()[:16] == "091e053ef18514ec"
    assert hashlib.sha256(world.users.wording_taste.tobytes()).hexdigest()[:16] == "05415d798e4b3e4c"


def test_the_strong_world_is_asked_for_by_its_setting():
    strong = World(WorldSettings(users=40, impressions=2000, subjects=60, days=8, wording="strong"))
    assert (strong.users.adored_wording >= 0).sum() == 14  # 0.35 of 40
    assert strong.parameters.wording_adorers == 0.35


def test_another_number_of_days_is_another_log_so_later_nights_keep_the_one_that_they_began_with():
    eight, nine = (World(WorldSettings(users=40, impressions=2000, subjects=60, days=days)) for days in (8, 9))
    assert (eight.items.quality == nine.items.quality).all()
    assert eight.items.created_at != nine.items.created_at  # new items launch on another day
    assert not day_block(eight, date(2026, 3, 4), 0).equals(day_block(nine, date(2026, 3, 4), 0))
