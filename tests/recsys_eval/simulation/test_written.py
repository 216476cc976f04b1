"""The worth of a written title by hand."""

import math

import numpy as np
import pytest

from conf.settings import WorldSettings
from jobs.simulator.model import World
from jobs.simulator.truth import default_probability
from jobs.stickers.pack import LANGUAGES
from recsys_eval.judge.title_judge import Reading
from recsys_eval.simulation.written import understood, written_logit, written_probability


@pytest.fixture(scope="module")
def world():
    return World(WorldSettings(users=60, impressions=2000, subjects=60, days=8, wording="strong"))


def test_what_a_title_adds_by_hand(world):
    user, item = 3, 5
    language = LANGUAGES[world.users.language[user]]
    other = next(name for name in LANGUAGES if name != language)
    readings = [
        Reading(item, language, 2, 0.8),
        Reading(item + 1, language, 2, 0.9),  # of another subject
        Reading(item, other, 1, 1.0),  # in another language
    ]
    users, items = np.full(3, user), np.full(3, item)
    taste = world.users.wording_taste[user]
    assert understood(readings, items, world.users.language[users]).tolist() == [0.8, 0.0, 0.0]
    np.testing.assert_allclose(
        written_logit(world, users, items, readings), [taste[2] - 1.5 * 0.2, taste[2] - 1.5, taste[1] - 1.5]
    )
    original = default_probability(world, users[:1], items[:1])[0]
    logit = math.log(original / (1 - original)) - taste[0] + taste[2] - 1.5 * 0.2
    found = written_probability(world, users, items, readings)
    assert found[0] == pytest.approx(1 / (1 + math.exp(-logit)))
    assert found[1] < found[0]


def test_the_plain_title_is_the_original_as_it_was(world):
    users, items = np.arange(20), np.arange(20)
    readings = [Reading(int(i), LANGUAGES[world.users.language[u]], 0, 1.0) for u, i in zip(users, items, strict=True)]
    np.testing.assert_allclose(
        written_probability(world, users, items, readings), default_probability(world, users, items)
    )
