"""The built-in generator told by codes, as alignment wants it: the painter's own modules, differentiable."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from generation.diffusion.bridge import START_NOISE, start_of
from generation.diffusion.finish import finished
from generation.diffusion.painter import Painter
from generation.diffusion.process import Schedule, Start
from generation.diffusion.unet import PIXELS, predict_clean, to_pixels, to_planes
from generation.personalization.dppmg.inject import CodeTables, condition
from generation.personalization.training.painting import WorldBatch

SHAPE = (PIXELS, 32, 32)
"""Of one row of noise."""
Told = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None]
"""What the network attends to: with codes, and with guidance without them."""


class CodePainting(nn.Module):
    """The generator protocol of :mod:`generation.alignment.base` over a loaded painter.

    Parameters
    ----------
    painter
        Its conditioning stays frozen.
    unet
        A copy of its UNet with low-rank weights, or its own.
    tables
        What codes add.
    codes
        (levels,) by segment or user.
    guidance
        Scale of the night; nobody's estimate is the generator's own, without a gradient.
    """

    def __init__(
        self, painter: Painter, unet: nn.Module, tables: CodeTables, codes: Mapping[str, Tensor], *, guidance: float
    ) -> None:
        super().__init__()
        self.base, self.plain, self.unet, self.tables = painter.conditioning, painter.unet, unet, tables
        self.codes, self.shape, self.guidance, self.device = dict(codes), SHAPE, guidance, painter.device
        self.to(self.device)

    def schedule(self, steps: int) -> Schedule:
        """The bridge's own."""
        return Schedule.flow(steps)

    def start(self, batch: WorldBatch, noise: Tensor) -> Start:
        """The reference plus noise."""
        anchor = to_planes(batch.reference.to(self.device))
        return Start(x=start_of(anchor, noise.to(self.device)), anchor=anchor, spread=START_NOISE)

    def condition(self, batch: WorldBatch) -> Told:
        """Tokens and pooled vectors of the batch's segments and users."""
        text = batch.text.to(self.device)
        codes = torch.stack([self.codes[name] for name in batch.whom]).to(self.device)
        personal = condition(self.base, self.tables, text, codes)
        if self.guidance == 1:
            return personal, None
        with torch.no_grad():
            return personal, condition(self.base, self.tables, text, None)

    def predict_clean(self, x: Tensor, schedule: Schedule, step: int, batch: WorldBatch, condition: Told) -> Tensor:
        """The guided estimate, (B, 12, 32, 32)."""
        x = x.contiguous(memory_format=torch.channels_last)
        sigma = torch.full((len(x),), schedule.sigmas[step], device=x.device)
        reference = to_planes(batch.reference.to(self.device))
        personal, nobody = condition
        clean = predict_clean(self.unet, x, sigma, reference, *personal).float()
        if nobody is not None:
            with torch.no_grad():
                plain = predict_clean(self.plain, x, sigma, reference, *nobody).float()
            clean = plain + self.guidance * (clean - plain)
        return finished(clean, reference)

    def decode(self, x: Tensor) -> Tensor:
        """Pixels (B, 3, 64, 64) in [0, 1]."""
        return (to_pixels(x).clamp(-1, 1) + 1) / 2
