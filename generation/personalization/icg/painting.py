"""The built-in generator with its ICG adapter, as alignment wants it: the painter's own modules, differentiable."""

import torch
from torch import Tensor, nn

from generation.diffusion.bridge import START_NOISE, start_of
from generation.diffusion.finish import finished
from generation.diffusion.painter import Painter
from generation.diffusion.process import Schedule, Start
from generation.diffusion.unet import PIXELS, predict_clean, to_pixels, to_planes
from generation.personalization.icg.builtin import BuiltinIcg, condition
from generation.personalization.training.painting import Attended, WorldBatch

SHAPE = (PIXELS, 32, 32)
"""Of one row of noise."""


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
