"""How much of a picture's structure is left in another: SSIM.

Wang, Bovik, Sheikh and Simoncelli, *Image quality assessment: from error visibility to structural similarity*, IEEE
Transactions on Image Processing 2004: a Gaussian window of 11 pixels and deviation 1.5, on luma, K1 = 0.01, K2 = 0.03.
"""

import numpy as np
from scipy import ndimage

from jobs.lake.arrays import Floats, Pixels

SIGMA, RADIUS = 1.5, 5
"""Of the window, pixels."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. 601 weights of red, green and blue."""


def ssim(a: Pixels, b: Pixels) -> Floats:
    """(N,) mean structural similarity of paired pictures; 1 for equal ones.

    Parameters
    ----------
    a, b
        (N, H, W, 3) uint8 RGB each.

    Examples
    --------
    >>> grey = np.full((1, 16, 16, 3), 100, np.uint8)
    >>> ssim(grey, grey).tolist()
    [1.0]
    >>> float(ssim(grey, 2 * grey)[0].round(4))  # flat: (2 * 100 * 200 + C1) / (100 ** 2 + 200 ** 2 + C1)
    0.8
    """
    return np.asarray(ssim_map(a.astype(np.float64) @ LUMA, b.astype(np.float64) @ LUMA).mean(axis=(1, 2)), np.float64)


def ssim_map(x: Floats, y: Floats) -> Floats:
    """(N, H, W) structural similarity around every pixel of (N, H, W) lumas from 0 to 255."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    bottom = (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    return np.asarray(top / bottom, np.float64)


def _blurred(x: Floats) -> Floats:
    return np.asarray(ndimage.gaussian_filter(x, (0, SIGMA, SIGMA), radius=(0, RADIUS, RADIUS)), np.float64)
