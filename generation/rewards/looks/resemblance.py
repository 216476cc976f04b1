"""Whether a cover still has the shapes of its original, by edges alone: no network, so it holds for any feed."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from generation.rewards.batch import PictureBatch, Scores

BLUR = 2.0
"""Standard deviation in pixels of 64: edges that moved a little are the same edges."""
GREY = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 luma."""


class Resemblance:
    """Correlation between where a cover and its original have edges, from -1 to 1.

    Of both, the energy of the luma's gradient at 64 x 64, its square root blurred. Colours, shading and which side is
    dark do not matter; 1 is the same outlines, about 0 is chance, which noise and other pictures have.
    """

    name = "resemblance"
    differentiable = False
    needs = frozenset({"pictures", "reference_pictures"})

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) correlation; NaN where the batch has no originals, or one of the two has no edge at all."""
        if batch.reference_pictures is None:
            return np.full(len(batch), np.nan)
        return correlation(edges(batch.pictures), edges(batch.reference_pictures))


def edges(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, H, W) blurred strength of edges of (N, H, W, 3) uint8 RGB."""
    luma = pictures @ GREY / 255
    down, across = np.gradient(luma, axis=(1, 2))
    strength = np.sqrt(np.hypot(down, across))
    return np.asarray(gaussian_filter(strength, (0, BLUR, BLUR)))


def correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> Scores:
    """(N,) Pearson's over all places of (N, H, W); NaN where one does not vary."""
    first, second = (each.reshape(len(each), -1) for each in (left, right))
    first, second = (each - each.mean(axis=1, keepdims=True) for each in (first, second))
    scale = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    found = np.einsum("np,np->n", first, second)
    return np.divide(found, scale, out=np.full(len(left), np.nan), where=scale > 1e-9)
