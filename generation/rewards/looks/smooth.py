"""The aesthetic proxy with a gradient: the same statistics, with ink that fades in instead of a threshold."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.rewards.base import score_by_value
from generation.rewards.batch import PictureBatch, Scores
from generation.rewards.looks.aesthetic import BORDER, INK, LUMA, RIDGE, STATISTICS
from generation.rewards.view import PictureView

SOFTNESS = 4.0
"""Width of the step from background to ink, in 255ths."""


class SmoothAesthetic:
    """``-d^2 / (2 k)``: the logarithm of :class:`~generation.rewards.looks.aesthetic.AestheticProxy`'s form.

    The logarithm keeps a gradient far away from real covers. A proxy, not a trained model of looks.

    Parameters
    ----------
    covers
        (N, 64, 64, 3) uint8 real covers.
    """

    name = "aesthetic"
    differentiable = True
    needs = frozenset({"pictures"})

    def __init__(self, covers: NDArray[np.uint8]) -> None:
        with torch.no_grad():
            real = smooth_statistics(torch.from_numpy(covers).permute(0, 3, 1, 2).float() / 255).double()
        self.mean = real.mean(0)
        covariance = torch.cov(real.T) + RIDGE * torch.eye(len(STATISTICS), dtype=torch.float64)
        self.precision = torch.linalg.inv(covariance)

    def value(self, view: PictureView) -> Tensor:
        """(N,) at most 0."""
        offset = smooth_statistics(view.pixels).double().cpu() - self.mean
        squared = torch.einsum("ni,ij,nj->n", offset, self.precision, offset)
        return (-squared / (2 * len(STATISTICS))).to(view.pixels)

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) at most 0."""
        return score_by_value(self, batch)


def smooth_statistics(pixels: Tensor) -> Tensor:
    """Those of :func:`generation.rewards.looks.aesthetic.statistics_of`, (N, 6), of (N, 3, H, W) in [0, 1]."""
    colour = pixels.float() * 255
    luma = torch.einsum("nchw,c->nhw", colour, torch.from_numpy(LUMA).to(colour))
    down, right = luma.diff(dim=1), luma.diff(dim=2)
    sharpness = torch.log1p((down.abs().mean((1, 2)) + right.abs().mean((1, 2))) / 2)
    laplacian = down.diff(dim=1)[:, :, 1:-1] + right.diff(dim=2)[:, 1:-1]
    noise = torch.log1p(laplacian.abs().mean((1, 2))) - sharpness
    red, green, blue = colour.unbind(1)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread, centre = (_hypot(*(f(each) for each in (red_green, yellow_blue))) for f in (_deviation, _mean))
    rim = torch.ones(luma.shape[1:], dtype=torch.bool, device=luma.device)
    rim[BORDER:-BORDER, BORDER:-BORDER] = False
    background = colour[:, :, rim].median(2).values
    difference = (colour - background[:, :, None, None]).abs().amax(1)
    ink = torch.sigmoid((difference - INK) / SOFTNESS)
    return torch.stack(
        [
            sharpness,
            noise,
            torch.log1p(spread + 0.3 * centre),
            _deviation(luma) / 64,
            ink.mean((1, 2)),
            ink[:, rim].mean(1),
        ],
        dim=1,
    )


def _mean(x: Tensor) -> Tensor:
    return x.mean((1, 2))


def _deviation(x: Tensor) -> Tensor:
    return (x.var((1, 2), correction=0) + 1e-6).sqrt()


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    return (a**2 + b**2 + 1e-6).sqrt()
