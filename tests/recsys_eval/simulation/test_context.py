"""Whom the world asks."""

import numpy as np
import pytest

from conf.settings import WorldSettings
from jobs.simulator.model import World
from recsys_eval.simulation.context import favourite_families


@pytest.fixture(scope="module")
def world():
    return World(WorldSettings(users=120, impressions=10_000))


def test_favourite_families_follow_the_taste(world):
    users = np.arange(world.users.size)
    segment = (world.favourite == 2).astype(np.int64)
    families = favourite_families(world, users, segment, 2)
    assert families[1] == 2
    assert families[0] == world.style_taste[segment == 0].mean(axis=0).argmax()
