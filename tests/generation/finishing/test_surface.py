import numpy as np
from numpy.testing import assert_allclose

from generation.finishing.shapes import Shapes
from generation.finishing.surface import AGREE, STEEP, Surface


def two_squares(first=(200, 0, 0), second=(200, 0, 0)):
    picture = np.full((32, 32, 3), 255, np.uint8)
    picture[4:16, 2:14], picture[4:16, 18:30] = first, second
    return picture


def filled(original, paint):
    """(H, W, 3) new colours; NaN between regions."""
    shapes = Shapes.of(original)
    result = np.full(paint.shape, np.nan)
    result.reshape(-1, 3)[shapes.inside] = Surface(shapes=shapes).colours(paint.astype(float))
    return result


def test_smudges_become_flat_and_the_background_white():
    original = two_squares()
    paint = np.full((32, 32, 3), 240.0)
    paint[original[..., 1] == 0] = (20, 120, 60)
    rng = np.random.default_rng(0)
    found = filled(original, paint + rng.normal(0, 3, paint.shape))
    assert (found[original[..., 1] == 255] == 255).all()
    square = found[4:16, 2:14].reshape(-1, 3)
    assert np.ptp(square, axis=0).max() == 0
    assert_allclose(square[0], [20, 120, 60], atol=1)


def test_leaks_at_the_edge_count_less_than_the_middle():
    original = two_squares()
    paint = np.full((32, 32, 3), 255.0)
    paint[4:16, 2:14] = paint[4:16, 18:30] = 100
    paint[4:16, 13] = paint[4:16, 18] = 255
    found = filled(original, paint)[10, 8, 0]
    plain = paint[4:16, 2:14].mean()
    assert_allclose(plain, 100 + 155 / 12)
    assert found < 100 + 0.4 * (plain - 100)


def test_shading_stays_but_is_bounded():
    original = two_squares(second=(0, 0, 200))
    paint = np.full((32, 32, 3), 255.0)
    ramp = np.linspace(-1, 1, 12)  # root mean square 0.63
    paint[4:16, 2:14] = 128 + 16 * ramp[None, :, None]
    paint[4:16, 18:30] = 128 + 100 * ramp[None, :, None]
    found = filled(original, paint)
    gentle, steep = found[4:16, 2:14, 0] - 128, found[4:16, 18:30, 0] - 128
    assert_allclose(gentle, np.tile(16 * ramp, (12, 1)), atol=1.5)
    assert_allclose(np.sqrt(np.square(steep).mean()), STEEP, atol=0.1)
    assert_allclose(steep / steep[0, -1], np.tile(ramp, (12, 1)), atol=0.05)


def test_regions_of_one_tone_agree_unless_they_were_painted_apart():
    near, far = 30.0, 4 * AGREE
    for difference, same in ((near, True), (far, False)):
        paint = np.full((32, 32, 3), 255.0)
        paint[4:16, 2:14], paint[4:16, 18:30] = 40, 40 + difference / np.sqrt(3)
        found = filled(two_squares(), paint)
        assert (found[10, 8] == found[10, 24]).all() == same
    assert_allclose(found[10, 8], 40)


def test_soft_details_of_the_original_stay():
    original = np.full((32, 32, 3), 255, np.uint8)
    detail = 120 + 18 * np.sin(np.arange(20) / 2)  # steps below 10: one region
    original[6:26, 6:26] = detail[None, :, None].astype(np.uint8)
    paint = np.full((32, 32, 3), 255.0)
    paint[6:26, 6:26] = (90 + 15 * np.sin(np.arange(20) / 2))[None, :, None]
    found = filled(original, paint)[6:26, 6:26, 0]
    assert np.corrcoef(found[10], detail)[0, 1] > 0.99
