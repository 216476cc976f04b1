"""The trained Pigeon, opened over a generator for the painter."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.icg.checkpoint import LORA, merged
from generation.personalization.pigeon.checkpoint import pigeon_fingerprint, read_pigeon
from generation.personalization.pigeon.personal import BuiltinPigeon, condition
from generation.personalization.places import picture_places
from reward_model.encoders.model import Backbone, load_backbone
from reward_model.precision import autocast


@dataclass(kw_only=True)
class PigeonAdapter:
    """A preference out of a noisy history, and additions to what the generator's own conditioning says of it."""

    fingerprint: str
    unet: UNet2DConditionModel
    """The generator's own, or a copy with LoRA merged in."""
    conditioning: ConditioningAdapter
    pigeon: BuiltinPigeon
    device: str = field(default="cpu", init=False)

    def to(self, device: str) -> None:
        """Move the network."""
        self.device = device
        self.pigeon.to(device)

    @cached_property
    def backbone(self) -> Backbone:
        """What sees the references."""
        return load_backbone(self.device)

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What the UNet attends to; for those without a history what it attends to for nobody."""
        tokens, pooled = self.conditioning(batch.text, torch.zeros_like(batch.preference))
        if batch.history is None:
            return tokens, pooled
        places = batch.once("places", lambda: picture_places(self.backbone, batch.pixels.float() / 255))
        with autocast(batch.text.device, torch.float32):
            reading = self.pigeon.read(batch.preference.float(), batch.history.float())
        told = condition(self.conditioning, self.pigeon, batch.text, places, reading)
        known = reading.anything
        return torch.where(known[:, None, None], told[0], tokens), torch.where(known[:, None], told[1], pooled)


def open_adapter(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """Pigeon over a generator's UNet, which is not changed; raises as :func:`pigeon_fingerprint`."""
    fingerprint = pigeon_fingerprint(folder, generator)
    if (folder / LORA).is_file():
        unet = merged(unet, load_file(folder / LORA))
    pigeon = read_pigeon(folder).eval().requires_grad_(False)
    return PigeonAdapter(fingerprint=fingerprint, unet=unet, conditioning=conditioning, pigeon=pigeon)
