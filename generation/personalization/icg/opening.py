"""The trained built-in adapter, opened over a generator for the painter."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from conf.errors import UsageError
from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.icg.builtin import BuiltinIcg, condition
from generation.personalization.icg.checkpoint import LORA, SHIPPED, icg_fingerprint, merged, read_icg
from generation.personalization.methods import METHODS
from generation.personalization.places import picture_places
from reward_model.encoders.model import Backbone, load_backbone


@dataclass(kw_only=True)
class IcgAdapter:
    """Meta tokens beside what the generator's own conditioning says."""

    fingerprint: str
    unet: UNet2DConditionModel
    """The generator's own, or a copy with LoRA merged in."""
    conditioning: ConditioningAdapter
    icg: BuiltinIcg
    device: str = field(default="cpu", init=False)

    def to(self, device: str) -> None:
        """Move the adapter."""
        self.device = device
        self.icg.to(device)

    @cached_property
    def backbone(self) -> Backbone:
        """What sees the references."""
        return load_backbone(self.device)

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What the UNet attends to."""
        places = batch.once("places", lambda: picture_places(self.backbone, batch.pixels.float() / 255))
        return condition(self.conditioning, self.icg, batch.text, places, batch.preference)


def open_adapter(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> IcgAdapter:
    """The adapter over a generator's UNet, which is not changed; raises as :func:`icg_fingerprint`."""
    fingerprint = icg_fingerprint(folder, generator)
    if (folder / LORA).is_file():
        unet = merged(unet, load_file(folder / LORA))
    icg = read_icg(folder).eval().requires_grad_(False)
    return IcgAdapter(fingerprint=fingerprint, unet=unet, conditioning=conditioning, icg=icg)


def open_beneath(
    method: str, painted_by: str, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> IcgAdapter:
    """ICG's shipped weights, beneath a method that was trained through them.

    Parameters
    ----------
    method
        Its name.
    painted_by
        Fingerprint of the weights of ICG that it was trained through.
    unet, conditioning, generator
        As in :func:`open_adapter`.

    Raises
    ------
    UsageError
        They are not those that ship, or these are not of this generator.
    """
    opened = open_adapter(SHIPPED, unet, conditioning, generator)
    if opened.fingerprint != painted_by:
        raise UsageError(
            f"The weights of {method} paint through ICG's weights {painted_by}, and those that ship are "
            f"{opened.fingerprint}: train them again with `{METHODS[method].trained_by}`"
        )
    return opened
