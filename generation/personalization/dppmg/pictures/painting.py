"""A painter told by codes, as alignment wants it: the painter's own modules, differentiable."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from generation.diffusion.finish import finished
from generation.diffusion.painter import Painter
from generation.diffusion.process import Schedule
from generation.diffusion.unet import predict_clean, to_planes
from generation.personalization.dppmg.pictures.inject import CodeTables, condition
from generation.personalization.icg.opening import IcgAdapter
from generation.personalization.icg.painting import SHAPE, BuiltinPainting
from generation.personalization.training.painting import Attended, WorldBatch


class DecodedPainting(BuiltinPainting):
    """The generator protocol of :mod:`generation.alignment.base` over ICG, told what codes stand for.

    Parameters
    ----------
    painter
        The generator that ICG was trained on.
    icg
        Opened; frozen.
    tables
        Whose sums are preferences.
    codes
        (levels,) by segment or user.
    guidance
        Scale of the night; nobody's estimate is taken without a gradient.
    """

    def __init__(
        self, painter: Painter, icg: IcgAdapter, tables: CodeTables, codes: Mapping[str, Tensor], *, guidance: float
    ) -> None:
        nn.Module.__init__(self)
        self.base, self.unet, self.icg, self.tables = painter.conditioning, icg.unet, icg.icg, tables
        self.codes, self.shape, self.guidance, self.device = dict(codes), SHAPE, guidance, painter.device
        self.to(self.device)

    def condition(self, batch: WorldBatch) -> Attended[tuple[Tensor, Tensor]]:
        """Tokens and pooled vectors of the batch's segments and users."""
        codes = torch.stack([self.codes[name] for name in batch.whom]).to(self.device)
        return super().condition(replace(batch, preference=self.tables(codes)))


class CodePainting(BuiltinPainting):
    """The same over the generator itself.

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
        nn.Module.__init__(self)
        self.base, self.plain, self.unet, self.tables = painter.conditioning, painter.unet, unet, tables
        self.codes, self.shape, self.guidance, self.device = dict(codes), SHAPE, guidance, painter.device
        self.to(self.device)

    def condition(self, batch: WorldBatch) -> Attended[tuple[Tensor, Tensor]]:
        """Tokens and pooled vectors of the batch's segments and users."""
        text = batch.text.to(self.device)
        codes = torch.stack([self.codes[name] for name in batch.whom]).to(self.device)
        personal = condition(self.base, self.tables, text, codes)
        if self.guidance == 1:
            return Attended(personal, None)
        with torch.no_grad():
            return Attended(personal, condition(self.base, self.tables, text, None))

    def predict_clean(
        self, x: Tensor, schedule: Schedule, step: int, batch: WorldBatch, condition: Attended[tuple[Tensor, Tensor]]
    ) -> Tensor:
        """The guided estimate, (B, 12, 32, 32)."""
        x = x.contiguous(memory_format=torch.channels_last)
        sigma = torch.full((len(x),), schedule.sigmas[step], device=x.device)
        reference = to_planes(batch.reference.to(self.device))
        clean = predict_clean(self.unet, x, sigma, reference, *condition.personal).float()
        if condition.plain is not None:
            with torch.no_grad():
                plain = predict_clean(self.plain, x, sigma, reference, *condition.plain).float()
            clean = plain + self.guidance * (clean - plain)
        return finished(clean, reference)
