"""True click probabilities of the stickers world, against the world's own formula."""

import numpy as np
import pytest

from conf.settings import WorldSettings
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.arm_names import BEST, ORIGINAL
from recsys_eval.judge.appearance import Appearance
from recsys_eval.simulation.truth import (
    SegmentUsers,
    ShownPictures,
    original_and_best,
    shown_probability,
    truth_figures,
)


@pytest.fixture(scope="module")
def world():
    return World(WorldSettings(users=120, impressions=10_000))


@pytest.fixture(scope="module")
def audience(world):
    users = np.arange(120)
    return SegmentUsers(users=users, segment=users % 2, traffic=1.0 + users)


def test_original_and_best_drawing(world, audience):
    items = np.array([3, 40, 700])
    original, best, chosen = original_and_best(world, audience, items)
    eye = np.eye(len(FAMILIES))
    user, item = 11, 1
    expected = world.click_probability(np.array([user]), items[[item]], eye[[world.items.default[items[item]]]], 1.0)
    assert original[user, item] == pytest.approx(expected[0])
    # best: the family with the highest traffic-weighted mean over the segment, among those that exist
    members = np.flatnonzero(audience.segment == 1)
    means = {}
    for family in np.flatnonzero(world.items.drawn[items[item]]):
        chance = world.click_probability(
            members, np.full(members.size, items[item]), np.tile(eye[family], (members.size, 1)), 1.0
        )
        means[family] = np.average(chance, weights=audience.traffic[members])
    family = max(means, key=means.get)
    assert chosen[item, 1] == family
    expected = world.click_probability(np.array([user]), items[[item]], eye[[family]], 1.0)
    assert best[user, item] == pytest.approx(expected[0])
    weighted = [(audience.traffic[members, None] * arm[members]).sum() for arm in (best, original)]
    assert weighted[0] >= weighted[1]


def test_shown_probability_uses_the_judges_view(world, audience):
    items = np.array([3, 40])
    appearance = Appearance(
        style_probs=np.array([[0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1.0]]),
        similarity=np.array([0.4, 1.0]),
        embedding=np.zeros((2, 128), np.float32),
    )
    pictures = ShownPictures(picture=np.array([[0, -1], [1, 1]]), appearance=appearance)
    found = shown_probability(world, audience, items, pictures)
    assert np.isnan(found[1, 0])  # segment 1 has no picture of item 0
    expected = world.click_probability(
        np.array([0]), items[[0]], appearance.style_probs[[0]], appearance.similarity[[0]]
    )
    assert found[0, 0] == pytest.approx(expected[0])
    expected = world.click_probability(
        np.array([7]), items[[1]], appearance.style_probs[[1]], appearance.similarity[[1]]
    )
    assert found[7, 1] == pytest.approx(expected[0])


def test_figures_by_hand():
    original = np.array([[0.1, 0.2], [0.1, 0.2]])
    best = original + 0.2
    painted = original + 0.05
    painted[1, 1] = np.nan
    traffic = np.array([1.0, 3.0])
    found = truth_figures({ORIGINAL: original, BEST: best, "published": painted}, traffic, resamples=50, seed=1)
    # cells: (0,0) and (0,1) with weight 1, (1,0) with weight 3; (1,1) is left out for every arm
    base = (0.1 + 0.2 + 3 * 0.1) / 5
    assert found.mean[ORIGINAL].value == pytest.approx(base)
    assert found.lift["published"].value == pytest.approx(0.05 / base)
    assert found.gap_closed["published"].value == pytest.approx(0.25)
    assert found.gap_closed["published"].low == pytest.approx(0.25)
    assert (found.users, found.items) == (2, 2)
    assert BEST not in found.gap_closed
    nothing = np.full((2, 2), np.nan)
    assert truth_figures({ORIGINAL: original, BEST: best, "x": nothing}, traffic, resamples=50, seed=1) is None


def test_interval_is_wider_than_over_users_alone():
    """Items differ a lot, users do not: an interval over users only would miss it."""
    rng = np.random.default_rng(0)
    effect = rng.normal(0.0, 0.05, 12)
    original = np.full((200, 12), 0.2)
    published = original + effect[None, :]
    arms = {ORIGINAL: original, BEST: original + 0.1, "published": published}
    found = truth_figures(arms, np.ones(200), resamples=400, seed=1).mean["published"]
    over_items = 1.96 * effect.std() / np.sqrt(12)
    assert (found.high - found.low) / 2 == pytest.approx(over_items, rel=0.25)
