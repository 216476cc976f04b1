"""What a method sees of a reference cover: EfficientNet's features, place by place."""

from collections import OrderedDict

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


class RememberedPlaces:
    """:func:`picture_places` of pictures seen lately, computed once: a night paints an item for several segments.

    Parameters
    ----------
    size
        Pictures that are remembered, 80 KB each.
    """

    def __init__(self, size: int = 512) -> None:
        self.size = size
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()

    def __call__(self, backbone: Backbone, pixels: Tensor) -> Tensor:
        """(B, 16, 1280) float32 of (B, 3, 64, 64) uint8."""
        names = [row.tobytes() for row in pixels.cpu().numpy()]
        missing = [row for row, name in enumerate(names) if name not in self._known]
        if missing:
            fresh = picture_places(backbone, pixels[missing].float() / 255)
            self._known |= {names[row]: places for row, places in zip(missing, fresh, strict=True)}
        found = torch.stack([self._known[name] for name in names])
        for name in names:
            self._known.move_to_end(name)
        while len(self._known) > self.size:
            self._known.popitem(last=False)
        return found
