"""The trained Pigeon, opened over a generator for the painter."""

from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.icg.builtin import condition as icg_condition
from generation.personalization.icg.checkpoint import LORA, merged
from generation.personalization.icg.opening import open_beneath
from generation.personalization.pigeon.checkpoint import pigeon_fingerprint, read_pigeon
from generation.personalization.pigeon.personal import BuiltinPigeon, Speaks, condition, spoken_by
from generation.personalization.places import RememberedPlaces
from reward_model.encoders.model import Backbone, load_backbone
from reward_model.precision import autocast


@dataclass(kw_only=True)
class PigeonAdapter:
    """A preference out of a noisy history, and additions to what the painter beneath says of it."""

    fingerprint: str
    unet: UNet2DConditionModel
    """The generator's own, or a copy with LoRA merged in."""
    speaks: Speaks
    """Of the painter beneath: the generator, or ICG."""
    pigeon: BuiltinPigeon
    device: str = field(default="cpu", init=False)
    places: RememberedPlaces = field(default_factory=RememberedPlaces, init=False)

    def to(self, device: str) -> None:
        """Move the network."""
        self.device = device
        self.pigeon.to(device)

    @cached_property
    def backbone(self) -> Backbone:
        """What sees the references."""
        return load_backbone(self.device)

    def event_scores(self, preference: Tensor, history: Tensor) -> Tensor:
        """(B, 48) how far the mask believes each event of (B, 48, 165); ``preference`` (B, 160)."""
        return self.pigeon.read(preference, history).scores

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What the UNet attends to; for those without a history what it attends to for nobody."""
        places = batch.once("places", lambda: self.places(self.backbone, batch.pixels))
        tokens, pooled = self.speaks(batch.text, places, torch.zeros_like(batch.preference))
        if batch.history is None:
            return tokens, pooled
        with autocast(batch.text.device, torch.float32):
            reading = self.pigeon.read(batch.preference.float(), batch.history.float())
        told = condition(self.speaks, self.pigeon, batch.text, places, reading)
        known = reading.anything
        return torch.where(known[:, None, None], told[0], tokens), torch.where(known[:, None], told[1], pooled)


def open_adapter(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """Pigeon over a generator's UNet, which is not changed.

    Raises
    ------
    UsageError
        As :func:`pigeon_fingerprint`, or it paints through other weights of ICG than those that ship.
    """
    fingerprint = pigeon_fingerprint(folder, generator)
    pigeon = read_pigeon(folder).eval().requires_grad_(False)
    speaks, beneath = beneath_of(pigeon, unet, conditioning, generator)
    if (folder / LORA).is_file():
        beneath = merged(unet, load_file(folder / LORA))
    return PigeonAdapter(fingerprint=fingerprint, unet=beneath, speaks=speaks, pigeon=pigeon)


def beneath_of(
    pigeon: BuiltinPigeon, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> tuple[Speaks, UNet2DConditionModel]:
    """What says what the UNet attends to, and the UNet: the generator's, or ICG's shipped ones.

    Raises
    ------
    UsageError
        Pigeon was trained through other weights of ICG.
    """
    wanted = pigeon.config.painted_by
    if not wanted:
        return spoken_by(conditioning), unet
    opened = open_beneath("pigeon", wanted, unet, conditioning, generator)
    return partial(icg_condition, conditioning, opened.icg), opened.unet
