"""A proxy for looks: how near a picture's simple statistics are to those of real covers.

No trained aesthetic model is used. The proxy catches what goes wrong with painted pictures
(blur, noise, washed-out colours, ink that runs over the border), and no more: it does not
know beauty.
"""

import numpy as np
from numpy.typing import NDArray

from generation.rewards.batch import PictureBatch, Scores

STATISTICS = ("sharpness", "noise", "colourfulness", "contrast", "coverage", "border")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601 weights of red, green and blue."""
INK = 24.0
"""A pixel is ink when a channel differs by more than this from the background, the median of the border."""
BORDER = 2
"""Width of the border, in pixels."""
RIDGE = 1e-3


class AestheticProxy:
    """``exp(-d^2 / (2 k))``: d is the Mahalanobis distance of the k = 6 statistics to those of real covers.

    Near 1 for a picture whose statistics are ordinary, towards 0 for an odd one.

    Parameters
    ----------
    covers
        (N, 64, 64, 3) uint8 real covers, some dozens at least.
    """

    name = "aesthetic"
    differentiable = False
    needs = frozenset({"pictures"})

    def __init__(self, covers: NDArray[np.uint8]) -> None:
        real = statistics_of(covers)
        self.mean = real.mean(axis=0)
        covariance = np.cov(real, rowvar=False) if len(real) > 1 else np.eye(len(STATISTICS))
        self.precision = np.linalg.inv(covariance + RIDGE * np.eye(len(STATISTICS)))

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) in (0, 1]."""
        offset = statistics_of(batch.pictures) - self.mean
        squared = np.einsum("ni,ij,nj->n", offset, self.precision, offset)
        return np.asarray(np.exp(-squared / (2 * len(STATISTICS))))


def statistics_of(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The columns of ``STATISTICS`` of (N, H, W, 3) uint8 pictures, (N, 6) float64.

    sharpness
        ``log1p`` of the mean absolute step between neighbours.
    noise
        ``log1p`` of the mean absolute Laplacian, minus sharpness: high where neighbours disagree both ways.
    colourfulness
        Hasler and Suesstrunk 2003 ("Measuring colourfulness in natural images", M3), ``log1p``.
    contrast
        Standard deviation of the luma, over 64.
    coverage
        Share of ink pixels.
    border
        Share of ink among the border's pixels.
    """
    return np.concatenate([_statistics(pictures[start : start + 256]) for start in range(0, len(pictures), 256)])


def _statistics(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    colour = pictures.astype(np.float32)
    luma = colour @ LUMA
    down, right = np.diff(luma, axis=1), np.diff(luma, axis=2)
    sharpness = np.log1p((np.abs(down).mean(axis=(1, 2)) + np.abs(right).mean(axis=(1, 2))) / 2)
    laplacian = np.diff(down, axis=1)[:, :, 1:-1] + np.diff(right, axis=2)[:, 1:-1]
    noise = np.log1p(np.abs(laplacian).mean(axis=(1, 2))) - sharpness
    red_green = colour[..., 0] - colour[..., 1]
    yellow_blue = (colour[..., 0] + colour[..., 1]) / 2 - colour[..., 2]
    spread = np.hypot(red_green.std(axis=(1, 2)), yellow_blue.std(axis=(1, 2)))
    centre = np.hypot(red_green.mean(axis=(1, 2)), yellow_blue.mean(axis=(1, 2)))
    rim = np.ones(luma.shape[1:], dtype=bool)
    rim[BORDER:-BORDER, BORDER:-BORDER] = False
    background = np.median(colour[:, rim], axis=1)
    ink = np.abs(colour - background[:, None, None]).max(axis=3) > INK
    return np.column_stack(
        [
            sharpness,
            noise,
            np.log1p(spread + 0.3 * centre),
            luma.std(axis=(1, 2)) / 64,
            ink.mean(axis=(1, 2)),
            ink[:, rim].mean(axis=1),
        ]
    ).astype(np.float64)
