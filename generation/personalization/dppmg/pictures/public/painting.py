"""A pipeline that is told codes as alignment wants it: trained on the night's tables."""

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.process import Schedule, Start
from generation.personalization.dppmg.pictures.public.model import CodedPipeline
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.generators import path_length
from generation.personalization.icg.public.painting import GeneratorPainting
from generation.personalization.icg.public.prompts import encode
from generation.personalization.training.painting import Attended, WorldBatch


class CodedPipelinePainting(GeneratorPainting):
    """The generator protocol of :mod:`generation.alignment.base` for a night's rows.

    Parameters
    ----------
    model
        With its text encoders.
    codes
        (levels,) by segment or user.
    canvas
        Width and height at which it paints, pixels.
    steps
        Of the paths, with which :meth:`schedule` is asked.
    guidance
        Scale of the night; the empty prompt's estimate is taken without a gradient.
    """

    def __init__(
        self, model: CodedPipeline, codes: Mapping[str, Tensor], *, canvas: int, steps: int, guidance: float
    ) -> None:
        super().__init__(model.generator, canvas=canvas, guidance=guidance)
        self.model, self.codes, self.canvas, self.steps = model, dict(codes), canvas, steps

    def schedule(self, steps: int) -> Schedule:
        """The pipeline's path; under a strength of 1, its last ``steps``."""
        whole = super().schedule(path_length(steps, self.model.config.strength))
        return replace(
            whole,
            timesteps=whole.timesteps[-steps:],
            alphas=whole.alphas[-steps - 1 :],
            sigmas=whole.sigmas[-steps - 1 :],
        )

    @torch.no_grad()
    def start(self, batch: WorldBatch, noise: Tensor) -> Start:
        """Pure noise; under a strength of 1, the reference with as much noise as where the path begins."""
        begin = super().start(batch, noise)
        if self.model.config.strength == 1:
            return begin
        path, size = self.schedule(self.steps), (self.canvas, self.canvas)
        reference = F.interpolate(batch.reference.to(begin.x.device), size=size, mode="bicubic", antialias=True)
        clean = self.generator.encode((reference.clamp(-1, 1) + 1) / 2)
        return Start(x=path.alphas[0] * clean + path.sigmas[0] * begin.x)

    def condition(self, batch: WorldBatch) -> Attended[PromptEmbeds]:
        """What the text encoders say of titles, with the codes of the batch's segments and users."""
        prompts = encode(self.generator, batch.titles)
        codes = torch.stack([self.codes[name] for name in batch.whom]).to(self.generator.denoiser.device)
        personal: PromptEmbeds = self.model(prompts.titles, codes)
        return Attended(personal, None if self.guidance == 1 else prompts.nothing)
