"""The trained tables, opened over a generator for the painter."""

from dataclasses import dataclass
from pathlib import Path

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.dppmg.checkpoint import LORA, merged, read_tables
from generation.personalization.dppmg.inject import CodeTables, condition
from generation.personalization.methods import weights_fingerprint


@dataclass(kw_only=True)
class DppmgAdapter:
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
) -> DppmgAdapter:
    """The adapter over a generator's UNet, which is not changed; raises as ``weights_fingerprint``."""
    fingerprint = weights_fingerprint("dppmg", folder, generator)
    tuned = merged(unet, load_file(folder / LORA)) if (folder / LORA).is_file() else unet
    return DppmgAdapter(
        fingerprint=fingerprint,
        unet=tuned,
        plain_unet=unet,
        conditioning=conditioning,
        tables=read_tables(folder, conditioning).eval().requires_grad_(False),
    )
