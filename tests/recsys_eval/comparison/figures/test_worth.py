import numpy as np
import pytest

from jobs.simulator.model import World
from jobs.simulator.truth import default_probability, drawing_probability
from recsys_eval.comparison.figures.worth import chances_of, drawn_for, resampled_means


def test_means_and_gap_by_hand():
    """Two users of weights 1 and 3, one item: original .1 and .2, best .5 and .4, an arm that goes half of the way."""
    arms = {
        "original": np.array([[[0.1], [0.2]]]),
        "best drawing": np.array([[[0.5], [0.4]]]),
        "half": np.array([[[0.3], [0.3]]]),
    }
    means = resampled_means(arms, np.array([1.0, 3.0]), resamples=200, seed=1)
    assert means.draws["original"][0] == pytest.approx((0.1 + 0.6) / 4)
    assert means.gap_closed("half").value == pytest.approx(0.5)
    assert means.lift("half").value == pytest.approx(0.3 / 0.175 - 1)
    assert means.gap_difference("half", "half").value == 0
    assert (means.users, means.items) == (2, 1)


def test_seeds_are_a_level_of_the_bootstrap():
    """The same mean over two seeds, whose luck differs: only then is the interval wide."""
    rng = np.random.default_rng(0)
    base = rng.random((1, 40, 12))
    steady = np.concatenate([base, base])
    shaky = np.concatenate([base - 0.4, base + 0.4])
    means = resampled_means({"steady": steady, "shaky": shaky}, np.ones(40), resamples=300, seed=3)
    widths = {name: means.mean(name).high - means.mean(name).low for name in ("steady", "shaky")}
    assert means.mean("steady").value == pytest.approx(means.mean("shaky").value)
    assert widths["shaky"] > 2 * widths["steady"]


def test_only_cells_that_all_arms_have_are_counted():
    arms = {"a": np.array([[[1.0, 5.0]]]), "b": np.array([[[2.0, np.nan]]])}
    assert resampled_means(arms, np.ones(1), resamples=5, seed=0).draws["a"][0] == 1.0
    assert resampled_means({"a": np.full((1, 1, 1), np.nan)}, np.ones(1), resamples=5, seed=0) is None


def test_original_and_best_are_the_worlds_own(people_night):
    world = World(people_night.ctx.settings.world)
    users, items = np.array([3, 8]), np.flatnonzero(world.items.held_out)[:3]
    place = np.arange(2)
    drawn = drawn_for(world, users, items, place, users, place)
    np.testing.assert_allclose(drawn.original[1], default_probability(world, users[[1, 1, 1]], items))
    np.testing.assert_allclose(drawn.best[0], drawing_probability(world, users[[0, 0, 0]], items, drawn.family[0]))
    assert (drawn.best >= drawn.original).all()
    together = drawn_for(world, users, items, np.zeros(2, int), users, np.zeros(2, int))
    assert (together.family[0] == together.family[1]).all()


def test_a_picture_that_is_a_drawing_to_the_judge_is_worth_what_the_drawing_is(people_night):
    world = World(people_night.ctx.settings.world)
    users, items = np.array([3, 8]), np.flatnonzero(world.items.held_out)[:2]
    family = world.items.default[items]
    rows = np.array([[0, 1], [-1, 1]])
    found = chances_of(world, users, items, rows, np.eye(6)[family], np.ones(2))
    np.testing.assert_allclose(found[0], default_probability(world, users[[0, 0]], items))
    assert np.isnan(found[1, 0])
