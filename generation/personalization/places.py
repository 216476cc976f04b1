"""What a method sees of a reference cover: EfficientNet's features, place by place."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reward_model.encoders.model import BACKBONE_SIZE, Backbone

PLACES = 16
"""4 x 4 places of EfficientNet's last feature map."""


def picture_places(backbone: Backbone, pixels: Tensor) -> Tensor:
    """What EfficientNet sees at 4 x 4 places, (B, 16, 1280) float32, of (B, 3, 64, 64) in [0, 1]; no gradient."""
    with torch.no_grad():
        x = F.interpolate(pixels.float(), size=(BACKBONE_SIZE, BACKBONE_SIZE), mode="bilinear", align_corners=False)
        x = ((x - 127 / 255) / (128 / 255)).to(backbone.dtype, memory_format=torch.channels_last)
        x = backbone.stem(x)
        for block in backbone.blocks:
            _, x = block(x)
        seen: Tensor = backbone.head(x).float().flatten(2).transpose(1, 2)
    return seen
