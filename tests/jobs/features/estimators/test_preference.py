import numpy as np

from jobs.features.estimators.preference import SHRINKAGE, preferences


def test_by_hand():
    # Clicked: e1 twice; skipped: e2 once, and one cover without an embedding.
    vectors = np.array([[1.0, 0], [0, 1], [np.nan, np.nan], [1, 0]])
    clicked = np.array([1, 0, 0, 1])
    found = preferences(vectors, clicked, np.array([0, 0, 1, 2]), np.array([4, 1, 3, 2]))
    expected = [[2 / 7, -1 / 6], [1 / 6, 0], [0, -1 / 6], [0, 0]]
    assert SHRINKAGE == 5
    np.testing.assert_allclose(found, expected)


def test_equals_the_formula_on_random_events():
    random = np.random.default_rng(0)
    vectors, clicked = random.normal(size=(60, 7)), random.integers(0, 2, 60)
    vectors[random.integers(0, 60, 8)] = np.nan
    low, high = np.array([0, 10, 59]), np.array([60, 35, 60])
    found = preferences(vectors, clicked, low, high)
    for row, (first, end) in enumerate(zip(low, high, strict=True)):
        part, chosen = vectors[first:end], clicked[first:end] == 1
        known = ~np.isnan(part).any(axis=1)
        liked, skipped = part[known & chosen], part[known & ~chosen]
        expected = liked.sum(axis=0) / (len(liked) + 5) - skipped.sum(axis=0) / (len(skipped) + 5)
        np.testing.assert_allclose(found[row], expected, atol=1e-12)


def test_later_events_do_not_change_a_bit():
    random = np.random.default_rng(1)
    vectors, clicked = random.normal(size=(40, 160)), random.integers(0, 2, 40)
    low, high = np.array([3, 5]), np.array([20, 30])
    np.testing.assert_array_equal(
        preferences(vectors, clicked, low, high), preferences(vectors[:30], clicked[:30], low, high)
    )
