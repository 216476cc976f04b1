"""What the generator is trained to match, besides pixels.

Pixel losses alone give blurred edges. The perceptual loss compares early and middle
features of the frozen image encoder, channel-normalised as LPIPS does (Zhang et al., CVPR
2018, https://arxiv.org/abs/1801.03924). The judge shares nothing with it. A loss on the style
embedding was tried and left out: the generator satisfied it with blotches.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reward_model.encoders.model import Backbone

PERCEPTUAL_BLOCKS = (0, 2, 4)
"""Backbone blocks whose outputs are compared."""


JITTER = 3
"""Largest shift, in pixels, before a painted picture is encoded."""


GRAIN_SCALES = 3
"""Scales at which flat areas must be flat, each half as fine as the one before; the first is single pixels."""


def moved(pictures: Tensor, seed: int, *, noise: float) -> Tensor:
    """Pictures (B, 3, H, W), all shifted alike and noised, so that no pattern of single pixels wins what looks at them.

    Expectation over transformation (Athalye et al., ICML 2018, https://arxiv.org/abs/1707.07397), one draw a batch.

    Parameters
    ----------
    pictures
        In any range.
    seed
        Of the draw.
    noise
        Standard deviation, in the unit of the pixels.
    """
    rng = torch.Generator().manual_seed(seed)
    shift = torch.randint(-JITTER, JITTER + 1, (2,), generator=rng).tolist()
    return torch.roll(pictures, shift, dims=(2, 3)) + noise * torch.randn(pictures.shape, generator=rng).to(pictures)


def pixel_loss(painted: Tensor, target: Tensor) -> Tensor:
    """Mean absolute plus mean squared difference, (B,); both (B, 3, H, W)."""
    difference = (painted - target).flatten(1)
    return difference.abs().mean(1) + difference.square().mean(1)


def grain(painted: Tensor, *drawings: Tensor) -> Tensor:
    """Detail where none of the drawings has any near, (B,), summed over scales; all (B, 3, H, W).

    The network paints 2 x 2 pixels at a place, and what looks at its pictures can be pleased by a pattern
    of them that people see as dots, and by clouds of colour in areas that should be flat. A drawing's flat areas
    have no detail at any scale, its shaded areas none at the scale of single pixels.
    """
    found = torch.zeros(len(painted), device=painted.device)
    for scale in range(GRAIN_SCALES):
        detail, *drawn = (_detail(F.avg_pool2d(each, 2**scale)) for each in (painted, *drawings))
        allowed = torch.stack([F.max_pool2d(each, 3, 1, 1) for each in drawn]).amax(0)
        found = found + F.relu(detail - allowed).flatten(1).mean(1)
    return found


def _detail(pictures: Tensor) -> Tensor:
    """How far pixels are from the mean of their neighbourhood, (B, 3, H, W)."""
    return (pictures - F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)).abs()


class PerceptualLoss(nn.Module):
    """Mean squared distance of unit-length features at every place, summed over blocks."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def features(self, pixels: Tensor) -> list[Tensor]:
        """Unit-length features of (B, 3, 64, 64) in [-1, 1]."""
        x = pixels.to(self.backbone.dtype, memory_format=torch.channels_last)
        x = self.backbone.stem(x)
        found = []
        for number in range(max(PERCEPTUAL_BLOCKS) + 1):
            _, x = self.backbone.blocks[number](x)
            if number in PERCEPTUAL_BLOCKS:
                found.append(F.normalize(x.float(), dim=1))
        return found

    def forward(self, painted: Tensor, target: Tensor) -> Tensor:
        """(B,) float32 distances."""
        with torch.no_grad():
            wanted = self.features(target)
        pairs = zip(self.features(painted), wanted, strict=True)
        return torch.stack([(a - b).square().sum(1).mean((1, 2)) for a, b in pairs]).sum(0)
