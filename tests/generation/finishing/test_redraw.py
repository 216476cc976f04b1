import numpy as np
import pytest
from numpy.testing import assert_array_equal

from generation.finishing.redraw import redrawn
from jobs.stickers.pack import PicturePack
from recsys_eval.panel.shape import colours_needed, halo


@pytest.fixture(scope="module")
def originals():
    pack = PicturePack.load()
    return np.stack([pack.pixels(code, "twemoji") for code in pack.codes("train")[:12]])


def smeared(pictures, seed=0):
    """As a network smears them: noise of 4 x 4 pixels, and grey around the drawing."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 14, (len(pictures), 16, 16, 3)).repeat(4, axis=1).repeat(4, axis=2)
    return (pictures * 0.9 + 12 + noise).clip(0, 255).astype(np.uint8)


def test_smeared_drawings_come_back_with_fewer_colours_and_without_a_halo(originals):
    paint = smeared(originals)
    found = redrawn(paint, originals)
    assert (found.shape, found.dtype) == (originals.shape, np.uint8)
    before, after, real = (colours_needed(each).mean() for each in (paint, found, originals))
    assert after < 0.6 * before
    assert after < 1.5 * real
    assert halo(found).mean() < 0.5 * halo(paint).mean()


def test_an_original_that_is_painted_as_it_is_stays_nearly_the_same(originals):
    difference = np.abs(redrawn(originals, originals).astype(int) - originals)
    assert difference.mean() < 3
    assert np.median(difference) <= 1


def test_each_cover_depends_on_its_own_pair_alone_and_on_nothing_random(originals):
    paint = smeared(originals)
    whole = redrawn(paint, originals)
    assert_array_equal(redrawn(paint[3:5], originals[3:5]), whole[3:5])
    assert_array_equal(redrawn(paint, originals), whole)


def test_inputs_are_left_alone_and_nothing_gives_nothing(originals):
    paint, before = smeared(originals), smeared(originals)
    redrawn(paint, originals)
    assert_array_equal(paint, before)
    assert redrawn(paint[:0], originals[:0]).shape == (0, 64, 64, 3)


def test_black_and_white_paint_stays_black_and_white(originals):
    grey = originals.mean(axis=3, keepdims=True).repeat(3, axis=3)
    paint = np.where(grey < 160, 8, 250) + np.random.default_rng(2).normal(0, 4, originals.shape)
    found = redrawn(paint.clip(0, 255).astype(np.uint8), originals)
    soft = ((grey > 16) & (grey < 240)).mean()  # at most what is soft in the originals
    assert ((found > 16) & (found < 240)).mean() < soft
    assert np.ptp(found, axis=3).mean() < 1


def test_an_original_without_any_region_leaves_the_paint(originals):
    noise = np.random.default_rng(3).integers(0, 255, (1, 64, 64, 3)).astype(np.uint8)
    assert_array_equal(redrawn(originals[:1], noise), originals[:1])


def test_a_line_too_fine_for_a_region_takes_after_its_tone():
    original = np.full((1, 32, 32, 3), 255, np.uint8)
    original[:, 4:16, 4:16] = (200, 0, 0)
    original[:, 24, 4:8] = (200, 0, 0)  # four pixels, with white on both sides
    paint = original.copy()
    paint[:, 4:16, 4:16] = (0, 120, 60)
    paint[:, 24, 4:8] = (90, 200, 180)
    found = redrawn(paint, original)
    assert np.abs(found[0, 24, 4:8].astype(int) - (0, 120, 60)).max() <= 1
