"""Three measures without a network: halo, colours needed and gradient energy of pictures on white.

Each is a number a picture. The panel reports the sum over painted covers over the sum over the real drawings of the
same subjects in the same families: 1 is what drawings have.
"""

import numpy as np
from scipy import ndimage

from jobs.lake.arrays import Flags, Floats, Pixels

INK = 64
"""A pixel whose darkest colour is this much below white, of 255, belongs to the drawing."""
RING = 3
"""Width of the ring around the drawing in which halos are looked for, pixels."""
EXPLAINED = 0.95
"""Share of the colours' variance that a palette has to explain."""
MOST_COLOURS = 24
"""Palettes end here."""
SQUARE = np.ones((3, 3), bool)


def drawn(pixels: Pixels) -> Flags:
    """The drawing with all that it encloses, (N, H, W), of (N, H, W, 3) pictures on white."""
    ink = pixels.min(axis=3) < 255 - INK
    return np.stack([ndimage.binary_fill_holes(each, SQUARE) for each in ink]) if len(ink) else ink


def halo(pixels: Pixels) -> Floats:
    """Mean deviation from white in the 3 pixels around the drawing, (N,) in [0, 1]; 0 where there is no such ring.

    A clean drawing has only what anti-aliasing leaves there.

    Examples
    --------
    >>> clean = np.full((1, 16, 16, 3), 255, np.uint8)
    >>> clean[:, 6:10, 6:10] = 0
    >>> dirty = clean.copy()
    >>> dirty[:, 4:12, 4:12] = np.minimum(dirty[:, 4:12, 4:12], 204)  # two of the three pixels are a fifth below white
    >>> halo(clean).tolist(), halo(dirty).round(4).tolist()  # (64 - 16) / (100 - 16) of the ring, 51 / 255 below white
    ([0.0], [0.1143])
    """
    inside = drawn(pixels)
    deviation = 1.0 - pixels.mean(axis=3) / 255.0
    found = np.zeros(len(pixels))
    for row, shape in enumerate(inside):
        ring = ndimage.binary_dilation(shape, SQUARE, iterations=RING) & ~shape
        if ring.any():
            found[row] = deviation[row][ring].mean()
    return found


def gradient_energy(pixels: Pixels) -> Floats:
    """Mean squared difference of neighbours, down and across, pixels in [0, 1]: (N,).

    Examples
    --------
    >>> gradient_energy(np.array([[[[0] * 3, [255] * 3], [[0] * 3, [255] * 3]]], np.uint8)).tolist()  # 1 across, 0 down
    [1.0]
    """
    values = pixels.astype(np.float64) / 255.0
    down, across = (np.square(np.diff(values, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2))
    energy: Floats = down + across
    return energy


def colours_needed(pixels: Pixels) -> Floats:
    """Size of the palette that explains 95 % of the variance of the drawing's colours, (N,); at least 1.

    The palette grows by bisecting k-means (Steinbach, Karypis and Kumar, KDD Workshop on Text Mining 2000): the
    cluster with the greatest sum of squares is split in two. Colours are counted in 5 bits, so that it is fast.

    Examples
    --------
    >>> flat = np.full((1, 16, 16, 3), 255, np.uint8)
    >>> flat[:, 4:12, 4:8], flat[:, 4:12, 8:12] = (255, 0, 0), (0, 0, 255)
    >>> colours_needed(flat).tolist()
    [2.0]
    """
    inside = drawn(pixels)
    return np.array([_palette_size(picture[shape]) for picture, shape in zip(pixels, inside, strict=True)], np.float64)


def _palette_size(colours: Pixels) -> int:
    if not len(colours):
        return 1
    distinct, count = np.unique(colours >> 3, axis=0, return_counts=True)
    points, weight = distinct.astype(np.float64), count.astype(np.float64)
    clusters = [(points, weight)]
    inertia = [_inertia(points, weight)]
    enough = (1 - EXPLAINED) * inertia[0]
    while sum(inertia) > enough and len(clusters) < MOST_COLOURS:
        worst = int(np.argmax(inertia))
        halves = _bisect(*clusters.pop(worst))
        inertia.pop(worst)
        clusters += halves
        inertia += [_inertia(*half) for half in halves]
    return len(clusters)


def _inertia(points: Floats, weight: Floats) -> float:
    """Weighted sum of squared distances to the weighted mean."""
    centre = weight @ points / weight.sum()
    return float(weight @ np.square(points - centre).sum(axis=1))


def _bisect(points: Floats, weight: Floats) -> list[tuple[Floats, Floats]]:
    """Two clusters: Lloyd's steps from the two sides of the principal axis."""
    centre = weight @ points / weight.sum()
    centred = points - centre
    axis = np.linalg.eigh((centred * weight[:, None]).T @ centred)[1][:, -1]
    upper = centred @ axis > 0
    for _ in range(10):
        if upper.all() or not upper.any():
            break
        means = [weight[side] @ points[side] / weight[side].sum() for side in (upper, ~upper)]
        nearer = np.square(points - means[0]).sum(axis=1) < np.square(points - means[1]).sum(axis=1)
        if (nearer == upper).all():
            break
        upper = nearer
    return [(points[side], weight[side]) for side in (upper, ~upper) if side.any()]
