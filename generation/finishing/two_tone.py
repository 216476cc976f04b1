"""Black on white: covers in the manner of woodcuts, where every region is one or the other.

Paint of that manner has hardly any colour and little between dark and light. Each region becomes black or white by
its mean; two white regions are parted by a black line, and two black ones of different tones by a white gap, as such
drawings do it.
"""

import numpy as np

from generation.finishing.shapes import WHITE, Shapes
from jobs.lake.arrays import Floats

CHROMA = 18.0
"""Mean difference of the strongest and the weakest colour, of 255, below which paint is without colour."""
DARK, LIGHT = 64, 192
"""Outside of these, of 255, paint is black or white."""
OUTRIGHT = 0.65
"""Share of the drawing's pixels that must be."""
LINE = 3.0
"""Width of a black line, pixels."""
GAP = 1.2
"""Width of a white gap, pixels."""
CORE = 8
"""Pixels deeper than a line that a region must have to be judged by them alone."""
PAPER = 0.35
"""Weight of the original's lightness beside the paint's."""
BLACK = 118.0
"""Mean, of 255, up to which a region is black."""
APART = 40.0
"""Difference of the original's lightness, of 255, from which black regions are parted."""
TWO_TONE = {
    "chroma": CHROMA, "dark": DARK, "light": LIGHT, "outright": OUTRIGHT, "line": LINE, "gap": GAP, "core": CORE,
    "paper": PAPER, "black": BLACK, "apart": APART,
}  # fmt: skip
"""All that decides black and white, for fingerprints."""


def is_two_tone(paint: Floats, shapes: Shapes) -> bool:
    """Whether (H, W, 3) paint, from 0 to 255, is meant black on white."""
    seen = paint[shapes.original.min(axis=2) < WHITE]
    if not len(seen):
        return False
    light = seen.mean(axis=1)
    outright = ((light < DARK) | (light > LIGHT)).mean()
    return bool(np.ptp(seen, axis=1).mean() < CHROMA and outright > OUTRIGHT)


def black_and_white(paint: Floats, shapes: Shapes) -> Floats:
    """(P, 3) new colours, from 0 to 255, of the pixels of regions."""
    region, other = shapes.region, shapes.neighbour
    core = shapes.depth >= LINE
    weight = np.where((shapes.sums(core.astype(np.float64)) >= CORE)[region], core, 1.0)
    painted, original = (
        shapes.means(picture.mean(axis=2).ravel()[shapes.inside], weight) for picture in (paint, shapes.original)
    )
    white = ((1 - PAPER) * painted + PAPER * original > BLACK) | shapes.background
    near, behind, smaller = other >= 0, shapes.background, shapes.size[region] < shapes.size[other]
    lined = near & white[region] & white[other] & ~behind[region] & (behind[other] | smaller)
    parted = near & ~white[region] & ~white[other] & ~smaller & (np.abs(original[region] - original[other]) > APART)
    line, gap = _stroke(LINE, shapes) * lined, _stroke(GAP, shapes) * parted
    value = 255.0 * (white[region] * (1 - line) * (1 - gap) + gap)
    return np.repeat(value[:, None], 3, axis=1)


def _stroke(width: float, shapes: Shapes) -> Floats:
    """(P,) how much a stroke along its region's edge covers of each pixel, from 0 to 1."""
    return np.clip(width - 0.5 - shapes.depth, 0, 1)
