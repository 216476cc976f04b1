"""A monitor without weights: how near a picture is to a real drawing of its subject.

Structural similarity (SSIM, Wang et al., IEEE TIP 2004) of the painted picture to the nearest of
the subject's real drawings, at full size and at half. It has no learned weights, so it shares none
with any reward, and it is not the judge. It does not know who the picture is for: it
catches pictures that stop being drawings of the subject, not pictures in the wrong style.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from jobs.stickers.pack import PicturePack

WINDOW, SIGMA = 11, 1.5
"""The Gaussian window of the paper."""
C1, C2 = 0.01**2, 0.03**2
"""Its constants for values in [0, 1]."""


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM (B,) of pictures (B, C, H, W) in [0, 1]; 1 for equal ones."""
    places = torch.arange(WINDOW, dtype=a.dtype, device=a.device) - WINDOW // 2
    line = torch.exp(-(places**2) / (2 * SIGMA**2))
    window = torch.outer(line, line)
    kernel = (window / window.sum()).expand(a.shape[1], 1, WINDOW, WINDOW)

    def blurred(x: Tensor) -> Tensor:
        return F.conv2d(x, kernel, groups=x.shape[1])

    mean_a, mean_b = blurred(a), blurred(b)
    variance_a, variance_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + C1) * (2 * covariance + C2)) / (
        (mean_a**2 + mean_b**2 + C1) * (variance_a + variance_b + C2)
    )
    return similarity.mean((1, 2, 3))


def drawings_of(pack: PicturePack, codes: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(N, F, 3, 64, 64) real drawings of subjects in [0, 1] and (N, F) which of them exist."""
    pixels: NDArray[np.float32] = np.zeros((len(codes), len(pack.families), 3, 64, 64), np.float32)
    present = np.zeros(pixels.shape[:2], bool)
    for row, code in enumerate(codes):
        for family in pack.families_of(code):
            column = pack.families.index(family)
            pixels[row, column] = pack.pixels(code, family).transpose(2, 0, 1) / 255
            present[row, column] = True
    return torch.from_numpy(pixels), torch.from_numpy(present)


def nearest_drawing(painted: Tensor, drawings: Tensor, present: Tensor) -> Tensor:
    """Similarity to the nearest real drawing, the mean of two sizes, (B,).

    Parameters
    ----------
    painted
        (B, 3, H, W) in [0, 1].
    drawings
        (B, F, 3, H, W): each row's subject in F families.
    present
        (B, F) bool: whether there is such a drawing.
    """
    found = []
    for family in range(drawings.shape[1]):
        real = drawings[:, family]
        sizes = [structural_similarity(painted, real)]
        sizes.append(structural_similarity(F.avg_pool2d(painted, 2), F.avg_pool2d(real, 2)))
        found.append(torch.stack(sizes).mean(0))
    similarity = torch.stack(found, dim=1).masked_fill(~present, -1.0)
    return similarity.max(1).values


def pixel_diversity(painted: Tensor, groups: Tensor) -> float:
    """Mean absolute difference between pictures of one group, over all pairs of all groups.

    Parameters
    ----------
    painted
        (B, 3, H, W) in [0, 1].
    groups
        (B,) int64: pictures of one item, for different segments, share a number.
    """
    same = (groups[:, None] == groups[None]).triu(1)
    if not same.any():
        return 0.0
    first, second = same.nonzero(as_tuple=True)
    return float((painted[first] - painted[second]).abs().mean())
