"""Pigeon with a part left out, for ``coverlift compare --ablations``: the same weights, nothing is trained again."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.conditioning import ConditioningAdapter
from generation.history import CLICKED
from generation.personalization.pigeon.mask import Mask
from generation.personalization.pigeon.opening import PigeonAdapter, open_adapter
from generation.personalization.pigeon.personal import HEADS, BuiltinPigeon, spoken_by


def without_mask(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """Every click is kept."""
    found = open_adapter(folder, unet, conditioning, generator)
    found.pigeon.register_to_config(mask_ratio=0.0)
    return found


class RandomScores(Mask):
    """In place of a mask's scores: noise that depends on the event alone, as an untrained mask's do."""

    def scores(self, tokens: Tensor, known: Tensor, agreement: Tensor) -> Tensor:
        """(B, N), the same every time."""
        direction = torch.randn(tokens.shape[-1], generator=torch.Generator().manual_seed(0)).to(tokens)
        return torch.frac(1000 * (tokens @ direction)) + 0 * agreement * known


def with_random_mask(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """As many clicks are kept, whichever: the published mask, that nothing teaches."""
    found = open_adapter(folder, unet, conditioning, generator)
    random = RandomScores(found.pigeon.config.width, HEADS).requires_grad_(False)
    random.load_state_dict(found.pigeon.mask.state_dict())
    found.pigeon.mask = random
    return found


def without_evidence(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """The preference under the mask and what the transformer adds, without clicks beyond what was due."""
    found = open_adapter(folder, unet, conditioning, generator)
    with torch.no_grad():
        found.pigeon.believed.zero_()
    return found


def without_reader(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """Without what the transformer adds."""
    found = open_adapter(folder, unet, conditioning, generator)
    _silent(found.pigeon)
    return found


def masked_profile(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """The preference under the mask alone."""
    found = without_evidence(folder, unet, conditioning, generator)
    _silent(found.pigeon)
    return found


def _silent(pigeon: BuiltinPigeon) -> None:
    with torch.no_grad():
        pigeon.taste.weight.zero_()
        pigeon.taste.bias.zero_()


def over_the_generator(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """Painted by the generator as it is, without ICG."""
    found = open_adapter(folder, unet, conditioning, generator)
    found.unet, found.speaks = unet, spoken_by(conditioning)
    return found


@dataclass(kw_only=True)
class _ClicksOnly(PigeonAdapter):
    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """Without the rows that were skipped."""
        if batch.history is None:
            return super().condition(batch)
        skipped = batch.history[:, :, CLICKED : CLICKED + 1] < 0
        return super().condition(replace(batch, history=batch.history.masked_fill(skipped, 0.0)))


def clicks_only(
    folder: Path, unet: UNet2DConditionModel, conditioning: ConditioningAdapter, generator: str
) -> PigeonAdapter:
    """No skips are told: neither tokens nor what was looked at without a click."""
    found = open_adapter(folder, unet, conditioning, generator)
    return _ClicksOnly(fingerprint=found.fingerprint, unet=found.unet, speaks=found.speaks, pigeon=found.pigeon)
