"""The last touch on a painted picture: flat where the original is flat, edges where the original has them.

The network's colours are right before its pixels are: it paints 2 x 2 pixels at a place and leaves smudges in flat
areas. A cover keeps the original's outlines, so the original says where edges belong:

1. the guided filter makes the picture, around every pixel, an affine function of the original's colours
   (He, Sun and Tang, *Guided image filtering*, TPAMI 2013): smudges go and the original's edges stay;
2. what the filter took away comes back where it is strong, as new outlines and highlights are, and stays away
   where it is weak, by the non-negative garrote (Gao, *Wavelet shrinkage denoising using the non-negative
   garrote*, JCGS 1998);
3. around the drawing the background stays white.

All are differentiable, have no weights, and are part of the network in training as in painting.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.unet import to_pixels, to_planes
from reward_model.precision import autocast

RADIUS = 4
"""Of the window, in pixels."""
FLATNESS = 0.003
"""Variance of the original, pixels in [-1, 1], below which a window counts as flat."""
THRESHOLD = 0.25
"""Root mean square over the colours, pixels in [-1, 1], below which what the filter took away stays away."""

WHITE = 0.97
"""Of every colour, pixels in [-1, 1]: what is at least as bright is white."""
MARGIN = 2
"""Around the drawing, in pixels."""
FINISH = {"radius": RADIUS, "flatness": FLATNESS, "threshold": THRESHOLD, "white": WHITE, "margin": MARGIN}
"""All that decides what becomes of a painted picture, for fingerprints."""

ROWS, COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]
"""The upper triangle of a 3 x 3 matrix."""
PLACES = [[0, 1, 2], [1, 3, 4], [2, 4, 5]]
"""Where in it each entry of the symmetric matrix stands."""


def finish(painted: Tensor, original: Tensor) -> Tensor:
    """Both (B, 3, H, W) in [-1, 1], to the same shape in float32; with gradients for ``painted``."""
    with autocast(painted.device, torch.float32):
        painted, original = painted.float(), original.float()
        smooth = guided_filter(painted, original)
        detail = painted - smooth
        strength = detail.square().mean(1, keepdim=True).clamp_min(1e-8)
        inside = smooth + detail * F.relu(1 - THRESHOLD**2 / strength)
        return torch.lerp(inside, torch.ones_like(inside), background(original))


def background(original: Tensor) -> Tensor:
    """Where nothing is painted, (B, 1, H, W) from 0 to 1: where the original is white, straight on to one of its edges.

    It fades in around ``MARGIN`` pixels away from the drawing, so that there is room for outlines.
    """
    white = (original.amin(1, keepdim=True) > WHITE).float()
    ways = [white.cumprod(3), white.flip(3).cumprod(3).flip(3), white.cumprod(2), white.flip(2).cumprod(2).flip(2)]
    drawn = 1 - torch.stack(ways).amax(0)
    return 1 - F.avg_pool2d(F.max_pool2d(drawn, 2 * MARGIN + 1, 1, MARGIN), 3, 1, 1, count_include_pad=False)


def finished(planes: Tensor, reference: Tensor) -> Tensor:
    """The same of space-to-depth planes, (B, 12, H / 2, W / 2)."""
    return to_planes(finish(to_pixels(planes), to_pixels(reference)))


def guided_filter(picture: Tensor, guide: Tensor) -> Tensor:
    """The picture as a locally affine function of the guide's colours.

    Parameters
    ----------
    picture, guide
        (B, 3, H, W) float32.

    Returns
    -------
    Tensor
        (B, 3, H, W)
    """
    middle, mean = _window(guide), _window(picture)
    spread = _window(guide[:, ROWS] * guide[:, COLUMNS]) - middle[:, ROWS] * middle[:, COLUMNS]
    flatness = FLATNESS * torch.tensor([1.0, 0, 0, 1, 0, 1], device=guide.device).view(1, 6, 1, 1)
    inverse = _inverse(spread + flatness)[:, PLACES]
    shape = (len(guide), 3, 3, *guide.shape[2:])
    products = _window((picture[:, :, None] * guide[:, None]).flatten(1, 2)).view(shape)
    shared = products - mean[:, :, None] * middle[:, None]
    slope = (shared[:, :, :, None] * inverse[:, None]).sum(2)
    offset = mean - (slope * middle[:, None]).sum(2)
    slope = _window(slope.flatten(1, 2)).view(shape)
    return (slope * guide[:, None]).sum(2) + _window(offset)


def _window(planes: Tensor) -> Tensor:
    """Means over the windows around every pixel, (B, C, H, W); windows end at the picture's edge."""
    down, across = (_averaging(size).to(planes.device) for size in planes.shape[-2:])
    return down @ planes @ across.T


@lru_cache
def _averaging(size: int) -> Tensor:
    """(size, size): each row averages the places at most ``RADIUS`` away. As matrices, the CPU is 5 times as fast."""
    with torch.inference_mode(False):  # kept for training, too
        place = torch.arange(size)
        near = ((place[:, None] - place).abs() <= RADIUS).float()
        return near / near.sum(1, keepdim=True)


def _inverse(upper: Tensor) -> Tensor:
    """Of symmetric 3 x 3 matrices given by their upper triangles, (B, 6, H, W) like what is returned."""
    a, b, c, d, e, f = upper.unbind(1)
    first = (d * f - e * e, c * e - b * f, b * e - c * d)
    determinant = a * first[0] + b * first[1] + c * first[2]
    cofactors = torch.stack([*first, a * f - c * c, b * c - a * e, a * d - b * b], dim=1)
    return cofactors / determinant[:, None]
