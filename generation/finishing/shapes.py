"""The shapes of an original cover: its regions, and the pixels between them that mix two of them.

The original is a clean drawing of the outlines that its covers keep. What can be known of it without the paint is
computed once: all covers of an item share it.

1. Neighbours of nearly the same colour belong together, so a soft gradient is one region; the white around the drawing
   is apart.
2. A pixel between regions, such as anti-aliasing leaves, mixes two regions' colours (sampling pairs of colours: Wang
   and Cohen, *Optimized color sampling for robust matting*, CVPR 2007). The pair is looked for along eight rays.
3. Regions whose mean colours are alike have the same tone.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jobs.lake.arrays import Flags, Floats, Ints, Pixels

SAME = 14
"""Greatest difference of a colour channel, of 255, between neighbours of one region."""
WHITE = 250
"""Of every colour: what is at least as bright is white."""
SMALLEST = 5
"""Pixels of the smallest region; smaller ones are between regions."""
TONE = 24.0
"""Distance of mean colours, of 255, below which regions have the same tone."""
NEAR = 5
"""How far, in pixels, a pixel of a region looks for another region."""
REACH = 3
"""How many steps along a ray a pixel between regions looks for the two that it mixes."""
FARTHER = 4.0
"""What a pixel of distance costs a pair, in mean squared difference."""
FIT = 24.0
"""Greatest root mean square difference, of 255, of a pixel from a mixture of two regions."""
SHAPES = {
    "same": SAME, "white": WHITE, "smallest": SMALLEST, "tone": TONE, "near": NEAR, "reach": REACH,
    "farther": FARTHER, "fit": FIT,
}  # fmt: skip
"""All that decides an original's shapes, for fingerprints."""

RAYS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
FIRST, SECOND = (np.array(side) for side in zip(*combinations(range(len(RAYS)), 2), strict=True))
AROUND = sorted(
    (step for step in product(range(-NEAR, NEAR + 1), repeat=2) if 0 < step[0] ** 2 + step[1] ** 2 <= NEAR**2),
    key=lambda step: step[0] ** 2 + step[1] ** 2,
)
"""Places at most ``NEAR`` away, the nearest first."""


@dataclass(frozen=True, kw_only=True)
class Mixtures:
    """``M`` pixels between regions; each is ``share`` of the pixel at ``first``, the rest of that at ``second``."""

    at: Ints
    """(M,) flat places in the picture."""
    first: Ints
    """(M,) flat places of pixels of regions."""
    second: Ints
    """(M,) the same."""
    share: Floats
    """(M,) from 0 to 1."""
    fits: Flags
    """(M,) whether it is such a mixture at all."""


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """An original's ``R`` regions with ``P`` pixels, and the ``M`` pixels between them."""

    original: Pixels
    """(H, W, 3) uint8 RGB on white."""
    label: Ints
    """(H, W) number of each pixel's region from 0; -1 between regions."""

    @classmethod
    def of(cls, original: Pixels) -> "Shapes":
        """Cut an original, (H, W, 3) uint8 RGB on white, into its regions."""
        return cls(original=original, label=regions(original))

    @cached_property
    def count(self) -> int:
        """Number of regions."""
        return int(self.label.max()) + 1

    @cached_property
    def inside(self) -> Ints:
        """(P,) flat places of the pixels of regions, region by region."""
        flat = self.label.ravel()
        order = np.argsort(flat, kind="stable")
        return order[np.searchsorted(flat[order], 0) :]

    @cached_property
    def region(self) -> Ints:
        """(P,) the region of each of ``inside``, ascending."""
        return self.label.ravel()[self.inside]

    @cached_property
    def size(self) -> Ints:
        """(R,) pixels of each region."""
        return np.bincount(self.region, minlength=self.count)

    @cached_property
    def depth(self) -> Floats:
        """(P,) distance, in pixels, of each of ``inside`` from its region's edge; 0 at the edge."""
        padded = np.pad(self.label, 1, mode="edge")
        height, width = self.label.shape
        same = self.label >= 0
        for down, across in ((0, 1), (2, 1), (1, 0), (1, 2)):
            same &= padded[down : down + height, across : across + width] == self.label
        away: Floats = ndimage.distance_transform_edt(np.pad(same, 1, constant_values=True))[1:-1, 1:-1]
        return away.ravel()[self.inside]

    @cached_property
    def neighbour(self) -> Ints:
        """(P,) the nearest other region of each of ``inside``, -1 where none is within ``NEAR`` pixels."""
        height, width = self.label.shape
        padded = np.pad(self.label, NEAR, constant_values=-1)
        found = np.full((height, width), -1)
        for down, across in AROUND:
            other = padded[NEAR + down : NEAR + down + height, NEAR + across : NEAR + across + width]
            found = np.where((found < 0) & (other >= 0) & (other != self.label), other, found)
        nearest: Ints = found.ravel()[self.inside]
        return nearest

    @cached_property
    def colour(self) -> Floats:
        """(R, 3) mean colour of each region."""
        return self.means(self.original.reshape(-1, 3)[self.inside].astype(np.float64))

    @cached_property
    def background(self) -> Flags:
        """(R,) the regions that are white and touch the picture's edge."""
        label = self.label
        edge = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
        outer = np.zeros(self.count, bool)
        outer[edge[edge >= 0]] = True
        found: Flags = outer & (self.colour.min(axis=1) >= WHITE)
        return found

    @cached_property
    def tone(self) -> Ints:
        """(R,) number of each region's tone."""
        near = np.square(self.colour[:, None] - self.colour[None]).sum(axis=2) <= TONE**2
        _, groups = connected_components(coo_array(near), directed=False)
        found: Ints = groups.astype(np.int64)
        return found

    @cached_property
    def mixtures(self) -> Mixtures:
        """The pixels between regions."""
        return mixtures(self.original.astype(np.float64), self.label)

    def tones(self, colours: Floats) -> Floats:
        """(T, 3) mean over each tone's pixels of a colour for each region, (R, 3)."""
        size = self.size.astype(np.float64)
        total = [np.bincount(self.tone, size * channel) for channel in colours.T]
        means: Floats = np.stack(total, axis=1) / np.bincount(self.tone, size)[:, None]
        return means

    def sums(self, values: Floats) -> Floats:
        """(R, ...) sum over each region of a value for each of ``inside``, (P, ...)."""
        starts = np.searchsorted(self.region, np.arange(self.count))
        total: Floats = np.add.reduceat(values, starts, axis=0)
        return total

    def means(self, values: Floats, weight: Floats | None = None) -> Floats:
        """(R, ...) mean over each region of a value for each of ``inside``, (P, ...), weighted by (P,) if given."""
        weight = np.ones(len(self.inside)) if weight is None else weight
        wide = (-1, *[1] * (values.ndim - 1))
        return self.sums(values * weight.reshape(wide)) / self.sums(weight).reshape(wide)


def regions(original: Pixels) -> Ints:
    """(H, W) number of each pixel's region from 0, -1 between regions, of (H, W, 3) uint8 RGB.

    Examples
    --------
    >>> picture = np.full((3, 8, 3), 255, np.uint8)
    >>> picture[:, :3], picture[:, 3] = (200, 0, 0), (230, 128, 128)  # a red shape and its soft edge
    >>> regions(picture)[0].tolist()
    [0, 0, 0, -1, 1, 1, 1, 1]
    """
    height, width = original.shape[:2]
    colours, white = original.astype(np.int16), _outer(original.min(axis=2) >= WHITE)
    number = np.arange(height * width).reshape(height, width)
    across = (np.abs(np.diff(colours, axis=1)).max(axis=2) <= SAME) & (white[:, 1:] == white[:, :-1])
    down = (np.abs(np.diff(colours, axis=0)).max(axis=2) <= SAME) & (white[1:] == white[:-1])
    first = np.concatenate([number[:, :-1][across], number[:-1][down]])
    second = np.concatenate([number[:, 1:][across], number[1:][down]])
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(number.size, number.size))
    _, label = connected_components(graph, directed=False)
    size = np.bincount(label)
    place = np.cumsum(size >= SMALLEST) - 1
    found: Ints = np.where(size >= SMALLEST, place, -1)[label].reshape(height, width).astype(np.int64)
    return found


def _outer(white: Flags) -> Flags:
    """The white that reaches the picture's edge: what is enclosed may belong to something pale around it."""
    pieces, count = ndimage.label(white)
    outer = np.zeros(count + 1, bool)
    outer[np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])] = True
    outer[0] = False
    found: Flags = outer[pieces]
    return found


def mixtures(original: Floats, label: Ints) -> Mixtures:
    """What each pixel between regions mixes: of the first region pixels along eight rays the pair that fits best.

    Parameters
    ----------
    original
        (H, W, 3) colours.
    label
        (H, W) of :func:`regions`.
    """
    at = np.flatnonzero(label.ravel() < 0)
    place, away = _along_rays(at, label)
    colours = original.reshape(-1, 3)
    near, own = colours[place], colours[at][:, None]
    a, b = near[:, FIRST], near[:, SECOND]
    span = a - b
    length = np.square(span).sum(axis=2)
    share = ((own - b) * span).sum(axis=2) / np.maximum(length, 1e-6)
    share = np.where(length < 1, 1.0, share).clip(0, 1)
    miss = np.square(own - (b + share[..., None] * span)).mean(axis=2)
    cost = miss + FARTHER * (away[:, FIRST] + away[:, SECOND])
    best = cost.argmin(axis=1)
    row = np.arange(len(at))
    return Mixtures(
        at=at,
        first=place[row, FIRST[best]],
        second=place[row, SECOND[best]],
        share=share[row, best],
        fits=np.isfinite(cost[row, best]) & (miss[row, best] <= FIT**2),
    )


def _along_rays(at: Ints, label: Ints) -> tuple[Ints, Floats]:
    """(M, 8) flat place of the first region pixel along each ray, and its distance; infinite where there is none."""
    height, width = label.shape
    y, x = np.divmod(at, width)
    place = np.zeros((len(at), len(RAYS)), np.int64)
    away = np.full((len(at), len(RAYS)), np.inf)
    for number, (down, across) in enumerate(RAYS):
        for step in range(1, REACH + 1):
            row, column = y + step * down, x + step * across
            there = (row >= 0) & (row < height) & (column >= 0) & (column < width) & np.isinf(away[:, number])
            flat = row.clip(0, height - 1) * width + column.clip(0, width - 1)
            there &= label.ravel()[flat] >= 0
            place[there, number] = flat[there]
            away[there, number] = step * np.hypot(down, across)
    return place, away
