"""Bends a drawing until it lies on another drawing of the same subject.

Two families draw a subject with other proportions and poses, and nobody could guess from one drawing
where the other's lines run: a generator that is asked to match them pixel by pixel paints the mean of
what is possible. Bent to the reference's outlines, the other family's drawing shows what the generator
can know: the same shapes in that family's colours, lines and shading.

Free-form deformation by cubic B-splines (Rueckert et al., IEEE TMI 1999), coarse to fine, on features
that families share: silhouette, blurred colour, strength of edges. The first guess lays the bounding
boxes on each other.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from jobs.stickers.pack import SIZE

NODES = 16
"""Places a side at which a found deformation is kept; between them it is linear."""

WORK = 32
"""Side, in pixels, of the pictures that are compared."""

LEVELS = ((4, 2.0, 0.03), (8, 4.0, 0.015))
"""Cells of the spline a side, weight of its smoothness, learning rate."""

STEPS = 30
"""Of Adam, a level."""

INK = 0.06
"""Distance from white, in [0, 1], from which a pixel belongs to the drawing."""

LARGEST = 1.67
"""How much wider or narrower one bounding box may be made."""

BATCH = 256


class Registration(NamedTuple):
    """How to bend N drawings, and how well they fit then."""

    places: Tensor
    """(N, 16, 16, 2) float16: where, in [-1, 1] (x, y), the drawing is read for each place of the reference."""
    misfit: Tensor
    """(N,) float32: mean absolute difference of features that is left, in [0, 1]."""


def register(pixels: NDArray[np.uint8], reference: NDArray[np.int64], drawing: NDArray[np.int64]) -> Registration:
    """Find how drawings must be bent to lie on their references; shows its progress.

    Parameters
    ----------
    pixels
        (M, 64, 64, 3) uint8 RGB on white.
    reference, drawing
        (N,) rows of ``pixels``.
    """
    parts = []
    for start in track(range(0, len(reference), BATCH), description="bending drawings"):
        some = slice(start, start + BATCH)
        parts.append(_register(_pictures(pixels[reference[some]]), _pictures(pixels[drawing[some]])))
    return Registration(*(torch.cat(each) for each in zip(*parts, strict=True)))


def bend(drawing: Tensor, places: Tensor) -> Tensor:
    """Drawings (N, 3, 64, 64) in [-1, 1] read at ``places`` of a :class:`Registration`, white beyond their edge."""
    dense = F.interpolate(
        places.permute(0, 3, 1, 2).float(), size=drawing.shape[2:], mode="bilinear", align_corners=True
    )
    grid = dense.permute(0, 2, 3, 1)
    return (F.grid_sample(drawing - 1, grid, mode="bicubic", padding_mode="zeros", align_corners=False) + 1).clamp(
        -1, 1
    )


def _pictures(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, 3, 64, 64) float32 in [0, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def _register(reference: Tensor, drawing: Tensor) -> Registration:
    wanted, given = _features(reference), _features(drawing)
    scale, shift = _boxes(reference, drawing)
    centres, nodes = _centres(WORK), torch.linspace(-1 + 1 / SIZE, 1 - 1 / SIZE, NODES)
    guess, kept = (_spread(scale, shift, places) for places in (centres, nodes))
    misfit = torch.zeros(len(reference))
    for cells, stiffness, rate in LEVELS:
        basis = _spline(centres, cells)
        control = torch.zeros(len(reference), 2, cells + 3, cells + 3, requires_grad=True)
        optimizer = torch.optim.Adam([control], lr=rate)
        for _ in range(STEPS):
            places = guess + basis @ control @ basis.T
            bent = F.grid_sample(given, places.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
            misfit = (bent - wanted).abs().mean((1, 2, 3))
            steepness = control.diff(dim=2).square().mean((1, 2, 3)) + control.diff(dim=3).square().mean((1, 2, 3))
            (misfit + stiffness * (cells / 4) ** 2 * steepness).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            guess = guess + basis @ control @ basis.T
            at_nodes = _spline(nodes, cells)
            kept = kept + at_nodes @ control @ at_nodes.T
    return Registration(kept.permute(0, 2, 3, 1).half(), misfit.detach())


def _features(pictures: Tensor) -> Tensor:
    """What families share of (N, 3, 64, 64) in [0, 1]: (N, 6, 32, 32), about [0, 1]."""
    ink = (4 * (1 - pictures.amin(1, keepdim=True))).clamp(0, 1)
    small = F.avg_pool2d(torch.cat([ink, pictures], dim=1), 2)
    luma = pictures.mean(1, keepdim=True)
    across, down = (F.pad(luma.diff(dim=3), (0, 1)), F.pad(luma.diff(dim=2), (0, 0, 0, 1)))
    edges = _blur(F.avg_pool2d((across.square() + down.square() + 1e-6).sqrt(), 2), 3)
    edges = edges / (edges.amax((2, 3), keepdim=True) + 1e-3)
    return torch.cat([small[:, :1], _blur(small[:, :1], 5), 0.5 * _blur(small[:, 1:], 3), edges], dim=1)


def _blur(maps: Tensor, side: int) -> Tensor:
    for _ in range(2):
        maps = F.avg_pool2d(maps, side, 1, side // 2, count_include_pad=False)
    return maps


def _boxes(reference: Tensor, drawing: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift, (N, 2) each (x, y), that lay the drawing's bounding box on the reference's."""
    (low, high), (low_drawn, high_drawn) = (_box(pictures) for pictures in (reference, drawing))
    scale = ((high_drawn - low_drawn) / (high - low).clamp_min(0.05)).clamp(1 / LARGEST, LARGEST)
    return scale, (low_drawn + high_drawn) / 2 - scale * (low + high) / 2


def _spread(scale: Tensor, shift: Tensor, places: Tensor) -> Tensor:
    """``scale * place + shift`` at all P x P places, (N, 2, P, P) (x, y)."""
    x, y = (scale[:, axis, None] * places + shift[:, axis, None] for axis in (0, 1))
    side = len(places)
    return torch.stack([x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], dim=1)


def _box(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest inked place, (N, 2) each (x, y); the whole picture where nothing is inked."""
    ink = 1 - pictures.amin(1) > INK
    centres = _centres(pictures.shape[2])
    sides = torch.stack([ink.any(1), ink.any(2)], dim=1)
    sides = sides | ~sides.any(2, keepdim=True)
    low = torch.where(sides, centres, torch.inf).amin(2)
    return low, torch.where(sides, centres, -torch.inf).amax(2)


def _centres(side: int) -> Tensor:
    """Centres of a row of pixels, (side,) in [-1, 1]."""
    return (2 * torch.arange(side) + 1) / side - 1


def _spline(places: Tensor, cells: int) -> Tensor:
    """Cubic B-spline basis at ``places`` (P,) in [-1, 1]: (P, cells + 3)."""
    distance = (places[:, None] + 1) / 2 * cells + 1 - torch.arange(cells + 3)
    far = distance.abs()
    near = 2 / 3 - far**2 + far**3 / 2
    return torch.where(far < 1, near, (2 - far).clamp_min(0) ** 3 / 6)
