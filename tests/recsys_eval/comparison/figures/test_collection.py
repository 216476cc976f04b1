"""KID against a plain double loop and a closed form; diversity and AUC of covers that are drawings."""

import numpy as np
import pytest

from recsys_eval.comparison.eyes import Eyes
from recsys_eval.comparison.figures.audience import user_audience
from recsys_eval.comparison.figures.collection import (
    Collection,
    diversities,
    kernel_distance,
    kernel_distances,
    told_apart,
)
from recsys_eval.judge.model import Judge
from tests.support.worlds.comparison_lab import favourites, showing


def test_kid_is_the_mean_over_pairs_of_different_items():
    rng = np.random.default_rng(0)
    x, y, of_x, of_y = (
        rng.normal(size=(7, 3)),
        rng.normal(size=(5, 3)),
        rng.integers(3, size=7),
        rng.integers(3, size=5),
    )

    def mean(a, of_a, b, of_b):
        pairs = [(one, two) for one in range(len(a)) for two in range(len(b)) if of_a[one] != of_b[two]]
        return np.mean([(a[one] @ b[two] / 3 + 1) ** 3 for one, two in pairs])

    expected = mean(x, of_x, x, of_x) + mean(y, of_y, y, of_y) - 2 * mean(x, of_x, y, of_y)
    found = kernel_distance(x, of_x, y, of_y, resamples=20, seed=0)
    assert found.value == pytest.approx(expected)


def test_kid_of_pictures_of_an_item_each_is_that_of_the_paper():
    """Equation 4 with m = n, in loops over float64; ``benchmarks/image_metrics.py`` has torchmetrics and clean-fid."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(6, 4)), rng.normal(0.5, 1.0, size=(6, 4))

    def k(a, b):
        return (sum(a[j] * b[j] for j in range(4)) / 4 + 1) ** 3

    within = sum(k(a[i], a[j]) for a in (x, y) for i in range(6) for j in range(6) if i != j) / (6 * 5)
    across = sum(k(one, two) for one in x for two in y) / (6 * 6)
    found = kernel_distance(x, np.arange(6), y, 6 + np.arange(6), resamples=2, seed=0)
    assert found.value == pytest.approx(within - 2 * across, rel=1e-12)


def test_kid_of_equal_distributions_is_nothing_on_average():
    rng = np.random.default_rng(1)
    items = np.arange(40)
    values = [
        kernel_distance(rng.normal(size=(40, 4)), items, rng.normal(size=(40, 4)), items, resamples=2, seed=0).value
        for _ in range(60)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / 60**0.5


@pytest.fixture(scope="module")
def eyes():
    return Eyes(Judge.load())


def test_the_drawings_themselves_are_no_distance_away_and_as_diverse(lab, eyes):
    audience = user_audience(lab)
    drawings, best = showing(lab, audience, favourites(lab, audience))
    found = kernel_distances(drawings, best)
    assert found["profile"].found.value == pytest.approx(0, abs=1e-9)
    assert set(found) == {"original", "profile"}
    diverse = diversities(drawings, best, eyes)["profile"]
    assert diverse.found.value == pytest.approx(1)
    assert diversities(lab, audience, eyes)["profile"].found.value == pytest.approx(0, abs=1e-6)


def test_drawings_cannot_be_told_from_themselves(lab):
    audience = user_audience(lab)
    drawings, best = showing(lab, audience, favourites(lab, audience))
    assert told_apart(drawings, best, steps=2)["profile"].found.value == pytest.approx(0.5)


def test_a_collection_is_one_cover_a_taste_and_item_that_its_family_draws(lab):
    audience = user_audience(lab)
    mine = Collection.of(lab, audience, "profile")
    assert lab.gallery.drawn[mine.item, mine.family].all()
    assert (lab.item_of[mine.rows] == mine.item).all()
    newer = Collection.of(lab, audience, "profile", new=True)
    assert (lab.default[newer.item] != newer.family).all()
    assert len(newer.item) < len(mine.item)
