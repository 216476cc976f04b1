"""The built-in generator with its ICG adapter, as alignment wants it: the painter's own modules, differentiable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol

import torch
from torch import Tensor, nn

from generation.alignment.base import ConditionT, Generator
from generation.diffusion.bridge import START_NOISE, start_of
from generation.diffusion.finish import finished
from generation.diffusion.painter import Painter
from generation.diffusion.process import Schedule, Start
from generation.diffusion.unet import PIXELS, predict_clean, to_pixels, to_planes
from generation.personalization.icg.builtin import BuiltinIcg, condition

SHAPE = (PIXELS, 32, 32)
"""Of one row of noise."""


@dataclass(frozen=True, kw_only=True)
class WorldBatch:
    """Rows to paint: an item for somebody."""

    reference: Tensor
    """(B, 3, 64, 64) in [-1, 1]: the items' default covers."""
    text: Tensor
    """(B, 384) sentence embeddings of the titles."""
    places: Tensor
    """(B, 16, 1280): what EfficientNet sees of the references."""
    preference: Tensor
    """(B, 160)"""
    reference_embeddings: Tensor
    """(B, 128)"""
    text_embeddings: Tensor
    """(B, 128)"""
    item_ids: list[str]
    whom: list[str]
    """A segment's or a user's id."""
    titles: list[str]

    def __len__(self) -> int:
        return len(self.reference)


class WorldPainting(Generator[WorldBatch, Any], Protocol):
    """A differentiable painter of items for somebody."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row of noise."""
        ...


@dataclass(frozen=True)
class Attended(Generic[ConditionT]):
    """What a network attends to: with guidance, unpersonalised too."""

    personal: ConditionT
    plain: ConditionT | None

    @classmethod
    def of(
        cls, condition: Callable[[Tensor], ConditionT], preference: Tensor, guidance: float
    ) -> "Attended[ConditionT]":
        """Of preferences (B, D); the unpersonalised half is taken without a gradient, and not at guidance 1."""
        personal = condition(preference)
        if guidance == 1:
            return cls(personal, None)
        with torch.no_grad():
            return cls(personal, condition(torch.zeros_like(preference)))

    def guided(self, predict: Callable[[ConditionT], Tensor], guidance: float) -> Tensor:
        """The estimate away from the unpersonalised one, which has no gradient."""
        wanted = predict(self.personal)
        if self.plain is None:
            return wanted
        with torch.no_grad():
            plain = predict(self.plain)
        return plain + guidance * (wanted - plain)


class BuiltinPainting(nn.Module):
    """The generator protocol of :mod:`generation.alignment.base` over a loaded painter.

    Parameters
    ----------
    painter
        Its conditioning stays frozen; its UNet too, but for LoRA.
    icg
        What is trained.
    guidance
        Scale of the night; the unpersonalised estimate is taken without a gradient.
    """

    def __init__(self, painter: Painter, icg: BuiltinIcg, *, guidance: float) -> None:
        super().__init__()
        self.base, self.unet, self.icg = painter.conditioning, painter.unet, icg
        self.shape = SHAPE
        self.guidance, self.device = guidance, painter.device
        self.to(self.device)

    def schedule(self, steps: int) -> Schedule:
        """The bridge's own."""
        return Schedule.flow(steps)

    def start(self, batch: WorldBatch, noise: Tensor) -> Start:
        """The reference plus noise."""
        anchor = to_planes(batch.reference.to(self.device))
        return Start(x=start_of(anchor, noise.to(self.device)), anchor=anchor, spread=START_NOISE)

    def condition(self, batch: WorldBatch) -> Attended[tuple[Tensor, Tensor]]:
        """Tokens and pooled vectors."""
        text, places, preference = (each.to(self.device) for each in (batch.text, batch.places, batch.preference))
        return Attended.of(
            lambda wanted: condition(self.base, self.icg, text, places, wanted), preference, self.guidance
        )

    def predict_clean(
        self, x: Tensor, schedule: Schedule, step: int, batch: WorldBatch, condition: Attended[tuple[Tensor, Tensor]]
    ) -> Tensor:
        """The guided estimate, (B, 12, 32, 32)."""
        x = x.contiguous(memory_format=torch.channels_last)
        sigma = torch.full((len(x),), schedule.sigmas[step], device=x.device)
        reference = to_planes(batch.reference.to(self.device))
        clean = condition.guided(
            lambda told: predict_clean(self.unet, x, sigma, reference, *told).float(), self.guidance
        )
        return finished(clean, reference)

    def decode(self, x: Tensor) -> Tensor:
        """Pixels (B, 3, 64, 64) in [0, 1]."""
        return (to_pixels(x).clamp(-1, 1) + 1) / 2
