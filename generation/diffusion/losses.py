"""What the generator is trained to match, besides pixels.

Pixel losses alone give blurred edges. The perceptual loss compares early and middle
features of the frozen image encoder, channel-normalised as LPIPS does (Zhang et al., CVPR
2018, https://arxiv.org/abs/1801.03924); the style loss compares style embeddings. The judge
shares nothing with either.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reward_model.encoders import Backbone, ImageEncoder

PERCEPTUAL_BLOCKS = (0, 2, 4)
"""Backbone blocks whose outputs are compared."""


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


class StyleLoss(nn.Module):
    """One minus the cosine between style embeddings."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, painted: Tensor, target: Tensor) -> Tensor:
        """(B,) float32 in [0, 2]; pictures in [-1, 1]."""
        with torch.no_grad():
            wanted = self.encoder((target + 1) / 2).style
        cosine: Tensor = (self.encoder((painted + 1) / 2).style * wanted).sum(1)
        return 1 - cosine
