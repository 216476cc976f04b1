"""An ICG model over public checkpoints as alignment wants it: trained on the night's tables."""

import torch.nn.functional as F
from torch import Tensor, nn

from generation.diffusion.process import Schedule, Start
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.model import Icg, IcgBatch
from generation.personalization.training.painting import Attended, WorldBatch
from generation.types import SIZE


class PipelinePainting(nn.Module):
    """The generator protocol of :mod:`generation.alignment.base` for a night's rows.

    Parameters
    ----------
    model
        With its processor.
    canvas
        Width and height at which it paints, pixels.
    guidance
        Scale of the night; the unpersonalised estimate is taken without a gradient.
    """

    def __init__(self, model: Icg, *, canvas: int, guidance: float) -> None:
        super().__init__()
        self.model, self.guidance = model, guidance
        self.shape = model.generator.latent_shape(canvas)

    def schedule(self, steps: int) -> Schedule:
        """The pipeline's path."""
        return self.model.schedule(steps)

    def start(self, _batch: WorldBatch, noise: Tensor) -> Start:
        """Pure noise."""
        return Start(x=noise.to(self.model.denoiser.device))

    def condition(self, batch: WorldBatch) -> Attended[PromptEmbeds]:
        """What the multimodal model draws from titles and covers, refined by preferences."""
        covers = ((batch.reference + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        told = self.model.batch(batch.titles, covers, batch.preference.cpu().numpy())
        return Attended.of(
            lambda wanted: self.model.condition(IcgBatch(inputs=told.inputs, preference=wanted)),
            told.preference,
            self.guidance,
        )

    def predict_clean(
        self, x: Tensor, schedule: Schedule, step: int, _batch: WorldBatch, condition: Attended[PromptEmbeds]
    ) -> Tensor:
        """The guided estimate of the clean latents."""
        return condition.guided(lambda told: self.model.generator.predict_clean(x, schedule, step, told), self.guidance)

    def decode(self, x: Tensor) -> Tensor:
        """Pixels (B, 3, 64, 64) in [0, 1]."""
        return F.interpolate(self.model.decode(x), size=(SIZE, SIZE), mode="bilinear", antialias=True)
