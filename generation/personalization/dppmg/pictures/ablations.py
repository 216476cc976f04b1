"""DPPMG with a part left out, for ``coverlift compare --ablations``: the same weights, nothing is trained again."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from generation.diffusion.adapter import ConditionBatch, GeneratorAdapter
from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.dppmg.pictures.opening import AddingAdapter, DecodingAdapter, open_adapter


def first_code_alone(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> DecodingAdapter | AddingAdapter:
    """One level: what is left of everybody's codes under the strictest cut for privacy."""
    found = open_adapter(folder, unet, conditioning, generator)
    with torch.no_grad():
        found.tables.vectors[1:] = 0
    return found


def shuffled_codes(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> DecodingAdapter | AddingAdapter:
    """Every code stands for what the next one of its level stands for: the pictures of a preference that nobody has."""
    found = open_adapter(folder, unet, conditioning, generator)
    with torch.no_grad():
        found.tables.vectors.copy_(found.tables.vectors.roll(1, dims=1))
    return found


@dataclass(frozen=True, kw_only=True)
class _ByTheGenerator(GeneratorAdapter):
    decoding: DecodingAdapter

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What the generator's own conditioning says of what the codes stand for."""
        return super().condition(replace(batch, preference=self.decoding.decoded(batch)))


def over_the_generator(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> GeneratorAdapter | AddingAdapter:
    """Painted by the generator as it is, without ICG."""
    found = open_adapter(folder, unet, conditioning, generator)
    if isinstance(found, AddingAdapter):
        return found
    return _ByTheGenerator(fingerprint=found.fingerprint, unet=unet, conditioning=conditioning, decoding=found)
