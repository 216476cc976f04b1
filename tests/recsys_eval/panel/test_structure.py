import numpy as np
import pytest

from recsys_eval.panel.structure import C1, C2, ssim, ssim_map


def test_equal_pictures_are_one_and_flat_ones_have_a_closed_form():
    a, b = (np.full((1, 32, 32, 3), value, np.uint8) for value in (50, 200))
    noise = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert ssim(noise, noise) == pytest.approx(1)
    assert ssim(a, b)[0] == pytest.approx((2 * 50 * 200 + C1) / (50**2 + 200**2 + C1))


def test_the_middle_of_a_picture_is_the_formula_over_its_window():
    """The value at one pixel, by the sums of Wang et al. with the 11 x 11 window written out."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2, 11, 11)).astype(float)
    line = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    window = np.outer(line, line) / np.outer(line, line).sum()
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
    cov = (window * (x - mean_x) * (y - mean_y)).sum()
    expected = (2 * mean_x * mean_y + C1) * (2 * cov + C2) / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))
    assert ssim_map(x[None], y[None])[0, 5, 5] == pytest.approx(expected)
