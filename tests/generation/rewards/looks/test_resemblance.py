from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import pearsonr

from generation.rewards.looks.resemblance import Resemblance, correlation, edges
from jobs.stickers.pack import PicturePack
from tests.support.models.reward_batches import random_batch


@pytest.fixture(scope="module")
def drawings():
    """(2, N, 64, 64, 3): drawings of the same subjects in two families."""
    pack = PicturePack.load()
    both = [each.code for each in pack.subjects if {"noto", "twemoji"} <= set(pack.families_of(each.code))][:60]
    return np.stack([[pack.pixels(code, family) for code in both] for family in ("noto", "twemoji")])


def resemblance(pictures, originals):
    batch = replace(random_batch(len(pictures)), pictures=pictures, reference_pictures=originals)
    return Resemblance().score(batch)


def test_colours_and_light_do_not_matter_and_noise_is_chance(drawings):
    noto = drawings[0]
    np.testing.assert_allclose(resemblance(noto, noto), 1)
    np.testing.assert_allclose(resemblance(255 - noto, noto), 1, atol=1e-6)
    noise = np.random.default_rng(0).integers(0, 256, noto.shape, dtype=np.uint8)
    assert abs(np.median(resemblance(noise, noto))) < 0.2
    moved = np.roll(noto, 1, axis=2)
    assert np.median(resemblance(moved, noto)) > 0.8


def test_another_drawing_of_the_subject_is_nearer_than_one_of_another(drawings):
    noto, twemoji = drawings
    same, other = resemblance(twemoji, noto), resemblance(np.roll(twemoji, 30, axis=0), noto)
    assert np.median(same) > np.median(other) + 0.1
    assert (same > other).mean() > 0.7


def test_it_is_pearsons_correlation_and_silent_where_there_is_no_edge(drawings):
    left, right = edges(drawings[0][:5]), edges(drawings[1][:5])
    expected = [pearsonr(one.ravel(), two.ravel()).statistic for one, two in zip(left, right, strict=True)]
    np.testing.assert_allclose(correlation(left, right), expected, atol=1e-12)
    blank = np.full((1, 64, 64, 3), 255, np.uint8)
    assert np.isnan(resemblance(blank, drawings[0][:1])).all()
    assert np.isnan(Resemblance().score(random_batch(2))).all()
