"""An ICG model over public checkpoints in the night: trained on its tables, and painting its covers.

The painter takes and gives what :class:`generation.serving.requests.Painter` says, so Triton serves it and the night
plans for it like the built-in painter. It paints at the size that its pipeline is made for; the night's covers
are smaller, and each picture is reduced to that, before rewards look at it too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from generation.diffusion.process import Schedule, Start
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.model import Icg, IcgBatch
from generation.personalization.icg.public.store import load_icg, painting_fingerprint
from generation.personalization.training.painting import Attended, WorldBatch
from generation.types import PREFERENCE_DIM, SIZE

METHOD = "icg"


class PipelinePainter:
    """A saved model as a painter of the method ``icg``.

    Parameters
    ----------
    model
        With its processor.
    canvas
        Width and height at which it paints, pixels.
    fingerprint
        Of :func:`painting_fingerprint`.

    Raises
    ------
    ValueError
        The model was made for preferences of another width than the night's.
    """

    def __init__(self, model: Icg, *, canvas: int, fingerprint: str) -> None:
        if model.config.user_dim != PREFERENCE_DIM:
            raise ValueError(f"the model takes preferences of {model.config.user_dim}: the night has {PREFERENCE_DIM}")
        self.model, self.canvas, self.fingerprint = model, canvas, fingerprint

    @classmethod
    def load(cls, folder: Path, *, canvas: int) -> "PipelinePainter":
        """A model of :func:`save_icg` over its bases, on the GPU if there is one; raises as :func:`load_icg`."""
        fingerprint = painting_fingerprint(folder, canvas)
        model = load_icg(folder).requires_grad_(False)
        return cls(model.to("cuda" if torch.cuda.is_available() else "cpu"), canvas=canvas, fingerprint=fingerprint)

    def fingerprint_of(self, method: str) -> str:
        """Hash of all that decides a picture; ValueError where the method is another."""
        if method != METHOD:
            raise ValueError(f"this painter has no method {method!r}: it is a pipeline of the method {METHOD!r}")
        return self.fingerprint

    def paint(
        self,
        *,
        prompts: Sequence[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: float | NDArray[np.float32] = 1.0,
        method: str = METHOD,
    ) -> NDArray[np.uint8]:
        """(B, 64, 64, 3) uint8 RGB; rows of equal guidance are painted together.

        Parameters
        ----------
        prompts
            B titles.
        references
            (B, 64, 64, 3) uint8 RGB: what the multimodal model sees.
        preferences
            (B, 160); zeros paint unpersonalised.
        seeds
            (B,)
        steps
            Of the pipeline's scheduler.
        guidance
            One for all, or (B,): away from the unpersonalised conditioning. Pipelines take 1 and less for off.
        method
            ``icg``.
        """
        self.fingerprint_of(method)
        strength = np.broadcast_to(np.asarray(guidance, np.float32), len(prompts))
        painted = np.zeros((len(prompts), SIZE, SIZE, 3), np.uint8)
        for each in np.unique(strength):
            rows = np.flatnonzero(strength == each)
            batch = self.model.batch([prompts[row] for row in rows], references[rows], preferences[rows])
            pictures = self.model.paint(
                batch, seeds=seeds[rows].tolist(), steps=steps, size=self.canvas, guidance=float(each)
            )
            painted[rows] = [_reduced(picture) for picture in pictures]
        return painted


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At the size of the night's covers."""
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.LANCZOS))


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
