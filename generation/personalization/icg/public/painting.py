"""Models over public checkpoints as alignment wants them: trained on the night's tables."""

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from generation.diffusion.process import Schedule, Start
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.icg.public.model import Icg, IcgBatch
from generation.personalization.training.painting import Attended, WorldBatch
from generation.types import SIZE


class GeneratorPainting(nn.Module):
    """The generator protocol of :mod:`generation.alignment.base` over a pipeline, but for what it attends to.

    Parameters
    ----------
    generator
        The pipeline.
    canvas
        Width and height at which it paints, pixels.
    guidance
        Scale of the night; the unpersonalised estimate is taken without a gradient.
    """

    def __init__(self, generator: DiffusersGenerator, *, canvas: int, guidance: float) -> None:
        super().__init__()
        self.generator, self.guidance = generator, guidance
        self.shape = generator.latent_shape(canvas)

    def schedule(self, steps: int) -> Schedule:
        """The pipeline's path."""
        return self.generator.schedule(steps)

    def start(self, _batch: WorldBatch, noise: Tensor) -> Start:
        """Pure noise."""
        return Start(x=noise.to(self.generator.denoiser.device))

    def predict_clean(
        self, x: Tensor, schedule: Schedule, step: int, _batch: WorldBatch, condition: Attended[PromptEmbeds]
    ) -> Tensor:
        """The guided estimate of the clean latents."""
        return condition.guided(lambda told: self.generator.predict_clean(x, schedule, step, told), self.guidance)

    def decode(self, x: Tensor) -> Tensor:
        """Pixels (B, 3, 64, 64) in [0, 1]."""
        return F.interpolate(self.generator.decode(x), size=(SIZE, SIZE), mode="bilinear", antialias=True)


class PipelinePainting(GeneratorPainting):
    """An ICG model for a night's rows.

    Parameters
    ----------
    model
        With its processor.
    canvas, guidance
        Of :class:`GeneratorPainting`.
    """

    def __init__(self, model: Icg, *, canvas: int, guidance: float) -> None:
        super().__init__(model.generator, canvas=canvas, guidance=guidance)
        self.model = model

    def condition(self, batch: WorldBatch) -> Attended[PromptEmbeds]:
        """What the multimodal model draws from titles and covers, refined by preferences."""
        told = self.model.batch(batch.titles, covers_of(batch), batch.preference.cpu().numpy())
        return Attended.of(
            lambda wanted: self.model.condition(IcgBatch(inputs=told.inputs, preference=wanted)),
            told.preference,
            self.guidance,
        )


def covers_of(batch: WorldBatch) -> NDArray[np.uint8]:
    """(B, 64, 64, 3) uint8 RGB of a batch's references."""
    covers: NDArray[np.uint8] = ((batch.reference + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return covers
