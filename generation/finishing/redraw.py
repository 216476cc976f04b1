"""Clean shapes: a painted cover redrawn over the shapes of its original.

The network's colours are better than its pixels: edges are ragged, colours leak over outlines, and around the drawing
a halo is left. The original is a clean drawing of the same outlines, so its shapes are kept and only filled anew:
regions with smooth colours (:mod:`generation.finishing.surface`) or with black and white
(:mod:`generation.finishing.two_tone`), pixels between two regions with the mixture of both that they were in the
original, and the white around the drawing with white. All follows from the paint and the original; nothing is random.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from generation.finishing.shapes import SHAPES, Shapes
from generation.finishing.surface import SURFACE, Surface
from generation.finishing.two_tone import TWO_TONE, black_and_white, is_two_tone
from jobs.lake.arrays import Floats, Pixels

KNOWN = 90.0
"""Distance of colours, of 255, within which a pixel that mixes no near regions takes after tones of the original."""
DETAIL = 0.7
"""Share of its difference in lightness from them that it keeps."""
REGIONS = {"version": 1, "known": KNOWN, "detail": DETAIL, **SHAPES, **SURFACE, **TWO_TONE}
"""All that decides what becomes of a painted cover, for fingerprints."""
ORIGINALS = 256
"""Originals whose shapes are kept: covers of one item are painted one after the other."""


@dataclass(frozen=True)
class Redrawing:
    """Redraws covers of one original, (H, W, 3) uint8 RGB on white."""

    shapes: Shapes
    surface: Surface = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "surface", Surface(shapes=self.shapes))

    def __call__(self, painted: Pixels) -> Pixels:
        """The cover over the original's shapes, of the same shape and type."""
        shapes = self.shapes
        if not shapes.count:
            return painted
        paint = painted.astype(np.float64)
        result = paint.reshape(-1, 3).copy()
        two_tone = is_two_tone(paint, shapes)
        result[shapes.inside] = black_and_white(paint, shapes) if two_tone else self.surface.colours(paint)
        between = shapes.mixtures
        share = between.share[:, None]
        mixed = share * result[between.first] + (1 - share) * result[between.second]
        result[between.at] = np.where(between.fits[:, None], mixed, self._strays(result))
        return result.reshape(painted.shape).clip(0, 255).round().astype(np.uint8)

    def _strays(self, result: Floats) -> Floats:
        """(M, 3) colours of pixels that are no mixtures of near regions: of the two tones nearest to the original's."""
        shapes, at = self.shapes, self.shapes.mixtures.at
        own = shapes.original.reshape(-1, 3)[at].astype(np.float64)
        old, new = shapes.tones(shapes.colour), shapes.tones(shapes.means(result[shapes.inside]))
        distance = np.square(own[:, None] - old[None]).sum(axis=2)
        nearest = np.argsort(distance, axis=1, kind="stable")
        first, second = nearest[:, 0], nearest[:, min(1, len(old) - 1)]
        span = old[first] - old[second]
        share = ((own - old[second]) * span).sum(axis=1) / np.maximum(np.square(span).sum(axis=1), 1e-6)
        share = np.where(first == second, 1.0, share).clip(0, 1)[:, None]
        lighter = (own - share * old[first] - (1 - share) * old[second]).mean(axis=1, keepdims=True)
        after = share * new[first] + (1 - share) * new[second] + DETAIL * lighter
        return np.where(distance.min(axis=1, keepdims=True) < KNOWN**2, after, result[at])


def redrawn(painted: Pixels, originals: Pixels) -> Pixels:
    """Painted covers over the shapes of their originals.

    Parameters
    ----------
    painted
        (B, H, W, 3) uint8 RGB.
    originals
        (B, H, W, 3) uint8 RGB on white: what they were painted from.

    Returns
    -------
    NDArray
        (B, H, W, 3) uint8 RGB; each depends on its own cover and original alone.
    """
    finished: Pixels = painted.copy()
    for row, (cover, original) in enumerate(zip(painted, originals, strict=True)):
        finished[row] = _redrawing(np.ascontiguousarray(original).tobytes(), original.shape)(cover)
    return finished


@lru_cache(maxsize=ORIGINALS)
def _redrawing(original: bytes, shape: tuple[int, ...]) -> Redrawing:
    pixels: Pixels = np.frombuffer(original, np.uint8).reshape(shape)
    return Redrawing(Shapes.of(pixels))
