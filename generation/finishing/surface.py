"""Colours of regions: of each a smooth surface of what was painted, shared by regions of one tone.

The paint's mean colour in a region is right before its pixels are. Within a region the painted colours become a
polynomial of the second degree in the coordinates, and an affine function of the original's lightness, so that soft
details stay; fitted by ridge regression (Hoerl and Kennard, Technometrics 1970), with less weight near the region's
edge, where paint leaks. The mean is a robust one, by Cauchy's weights (Holland and Welsch, *Robust regression using
iteratively reweighted least-squares*, Communications in Statistics 1977). Regions of one
tone agree on their mean colour unless they are large and were painted very differently, and shading is bounded,
because a drawing's is.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from generation.finishing.shapes import Shapes
from jobs.lake.arrays import Floats

RIDGE = (0.2, 0.2, 0.8, 0.8, 0.8, 0.4)
"""What draws slopes, curvatures and the share of the original's lightness to 0, in pixels."""
EDGE, DEEPER = 0.1, 0.3
"""Weight of a pixel at its region's edge, and what a pixel of depth adds to it, up to 1."""
LIGHTNESS = 64.0
"""Scale of the original's lightness, of 255."""
OUTLYING, ROUNDS = 50.0, 3
"""Distance from the mean colour, of 255, at which paint counts half, and how often the mean is taken anew."""
FLAT = 8.0
"""Root mean square of the shading, of 255, below which a region is flat."""
STEEP = 12.0
"""The greatest root mean square of the shading, of 255; more is scaled down to it."""
AGREE = 40.0
"""Distance of mean colours, of 255, within which a region takes its tone's."""
SMALL = 40
"""Pixels of a region that always does."""
SURFACE = {
    "ridge": RIDGE, "edge": EDGE, "deeper": DEEPER, "lightness": LIGHTNESS, "outlying": OUTLYING,
    "rounds": ROUNDS, "flat": FLAT, "steep": STEEP, "agree": AGREE, "small": SMALL,
}  # fmt: skip
"""All that decides a region's colours, for fingerprints."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What fits surfaces to paint over the regions of an original."""

    shapes: Shapes

    @cached_property
    def weight(self) -> Floats:
        """(P,) of each pixel of a region."""
        return np.clip(EDGE + DEEPER * self.shapes.depth, EDGE, 1.0)

    @cached_property
    def basis(self) -> Floats:
        """(P, 6) x, y, x^2, xy, y^2 and lightness; each with weighted mean 0 over its region."""
        shapes = self.shapes
        y, x = (axis.astype(np.float64) for axis in np.divmod(shapes.inside, shapes.label.shape[1]))
        scale = np.sqrt(shapes.size)[shapes.region]
        y, x = (self._centred(axis) / scale for axis in (y, x))
        light = shapes.original.mean(axis=2).ravel()[shapes.inside] / LIGHTNESS
        return self._centred(np.stack([x, y, x * x, x * y, y * y, light], axis=1))

    @cached_property
    def inverse(self) -> Floats:
        """(R, 6, 6) inverse of each region's Gram matrix and ridge."""
        basis = self.basis
        gram = self.shapes.sums((basis * self.weight[:, None])[:, :, None] * basis[:, None])
        inverse: Floats = np.linalg.inv(gram + np.diag(RIDGE))
        return inverse

    def colours(self, paint: Floats) -> Floats:
        """(P, 3) new colours of the pixels of regions, of (H, W, 3) paint; the background is white."""
        shapes, region = self.shapes, self.shapes.region
        seen = paint.reshape(-1, 3)[shapes.inside]
        mean = self._mean(seen)
        moment = shapes.sums((self.basis * self.weight[:, None])[:, :, None] * seen[:, None])
        shade = (self.basis[:, None] @ (self.inverse @ moment)[region])[:, 0]
        strength = np.sqrt(shapes.means(np.square(shade).mean(axis=1)))
        gain = np.where(strength < FLAT, 0.0, np.minimum(1.0, STEEP / np.maximum(strength, 1e-6)))
        colour = self._agreed(mean)[region] + gain[region, None] * shade
        colour[shapes.background[region]] = 255.0
        bounded: Floats = colour.clip(0, 255)
        return bounded

    def _mean(self, seen: Floats) -> Floats:
        """(R, 3) mean colour of each region's paint; colours far from it count less, so that two do not mix to grey."""
        mean = self.shapes.means(seen, self.weight)
        for _ in range(ROUNDS):
            far = np.square(seen - mean[self.shapes.region]).sum(axis=1)
            mean = self.shapes.means(seen, self.weight / (1 + far / OUTLYING**2))
        return mean

    def _agreed(self, mean: Floats) -> Floats:
        """(R, 3) each tone's mean colour where a region's own is near it."""
        tone, weight = self.shapes.tone, self.shapes.sums(self.weight)
        total = np.bincount(tone, weight)
        shared = np.stack([np.bincount(tone, weight * channel) for channel in mean.T], axis=1) / total[:, None]
        far = (np.sqrt(np.square(mean - shared[tone]).sum(axis=1)) > AGREE) & (self.shapes.size > SMALL)
        return np.where(far[:, None], mean, shared[tone])

    def _centred(self, values: Floats) -> Floats:
        return values - self.shapes.means(values, self.weight)[self.shapes.region]
