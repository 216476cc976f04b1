"""An ICG model over public checkpoints as a painter of the night's covers.

The painter takes and gives what :class:`generation.serving.requests.Painter` says, so Triton serves it and the night
plans for it like the built-in painter. It paints at the size that its pipeline is made for; the night's covers
are smaller, and each picture is reduced to that, before rewards look at it too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generation.personalization.icg.public.model import Icg
from generation.personalization.icg.public.store import load_icg, painting_fingerprint
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
