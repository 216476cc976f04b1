"""The trained tables, opened over a generator for the painter."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.dppmg.pictures.checkpoint import LORA, merged, painted_by, read_tables
from generation.personalization.dppmg.pictures.inject import CodeTables, condition
from generation.personalization.icg.opening import IcgAdapter, open_beneath
from generation.personalization.methods import weights_fingerprint


@dataclass(kw_only=True)
class DecodingAdapter:
    """Codes as a preference, which ICG paints."""

    fingerprint: str
    icg: IcgAdapter
    tables: CodeTables

    @property
    def unet(self) -> UNet2DConditionModel:
        """ICG's."""
        return self.icg.unet

    def to(self, device: str) -> None:
        """Move the tables and ICG."""
        self.tables.to(device)
        self.icg.to(device)

    def decoded(self, batch: ConditionBatch) -> Tensor:
        """(B, 160) what the codes stand for; zeros for no code."""
        decoded: Tensor = self.tables(batch.tokens) if batch.tokens is not None else torch.zeros_like(batch.preference)
        return decoded

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What ICG says of that."""
        return self.icg.condition(replace(batch, preference=self.decoded(batch)))


@dataclass(kw_only=True)
class AddingAdapter:
    """Codes beside what the generator's own conditioning says of titles."""

    fingerprint: str
    unet: UNet2DConditionModel
    """The generator's own, or a copy with low-rank weights merged in."""
    plain_unet: UNet2DConditionModel
    """The generator's own: what paints where nothing is told of anybody."""
    conditioning: ConditioningAdapter
    tables: CodeTables

    def to(self, device: str) -> None:
        """Move the tables."""
        self.tables.to(device)

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What the UNet attends to."""
        return condition(self.conditioning, self.tables, batch.text, batch.tokens)


def open_adapter(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> DecodingAdapter | AddingAdapter:
    """The adapter over a generator's UNet, which is not changed.

    Raises
    ------
    UsageError
        As ``weights_fingerprint``, or the codes stand for preferences of other weights of ICG than those that ship.
    """
    fingerprint = weights_fingerprint("dppmg", folder, generator)
    tables = read_tables(folder).eval().requires_grad_(False)
    if tables.preferences:
        beneath = open_beneath("dppmg", painted_by(folder), unet, conditioning, generator)
        return DecodingAdapter(fingerprint=fingerprint, icg=beneath, tables=tables)
    tuned = merged(unet, load_file(folder / LORA)) if (folder / LORA).is_file() else unet
    return AddingAdapter(fingerprint=fingerprint, unet=tuned, plain_unet=unet, conditioning=conditioning, tables=tables)
