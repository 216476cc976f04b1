"""The true chances of drawings and paintings."""

import math

import numpy as np
import pytest

from jobs.simulator.truth import (
    all_drawings_probability,
    default_probability,
    drawing_probability,
    painted_probability,
)


def test_truth_of_drawings_and_paintings(world):
    users = np.arange(50)
    items = np.flatnonzero(world.items.drawn.all(axis=1))[:50]
    every = all_drawings_probability(world, users, items)
    np.testing.assert_allclose(default_probability(world, users, items), every[users, world.items.default[items]])
    exact = painted_probability(world, users, items, np.eye(6)[np.full(50, 3)], np.ones(50))
    np.testing.assert_allclose(exact, every[:, 3])
    worse = painted_probability(world, users, items, np.eye(6)[np.full(50, 3)], np.full(50, 0.5))
    odds = (exact / (1 - exact)) / (worse / (1 - worse))
    np.testing.assert_allclose(odds, math.exp(0.75))  # lambda 1.5 times 0.5
    np.testing.assert_array_equal(every.argmax(axis=1), world.favourite[users])


def test_truth_of_a_drawing_that_does_not_exist(world):
    item = np.flatnonzero(~world.items.drawn[:, 1])[:1]
    assert np.isnan(all_drawings_probability(world, np.array([0]), item)[0, 1])
    with pytest.raises(ValueError, match="noto-v1 does not draw"):
        drawing_probability(world, np.array([0]), item, np.array([1]))
