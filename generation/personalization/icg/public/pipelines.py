"""An ICG model over public checkpoints as a painter of the night's covers.

The painter takes and gives what :class:`generation.serving.requests.Painter` says, so Triton serves it and the night
plans for it like the built-in painter. It paints at the size that its pipeline is made for; the night's covers
are smaller, and each picture is reduced to that, before rewards look at it too.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from generation.personalization.icg.public.model import Icg
from generation.personalization.icg.public.store import load_icg, painting_fingerprint
from generation.types import PREFERENCE_DIM, SIZE

ModelT = TypeVar("ModelT", bound=nn.Module)


class PublicPainter(ABC, Generic[ModelT]):
    """A saved model over public checkpoints as a painter of one method; each method has its own ``paint``.

    Parameters
    ----------
    model
        With all that it needs to read prompts.
    canvas
        Width and height at which it paints, pixels.
    fingerprint
        Of all that decides a picture.
    """

    method: ClassVar[str]

    def __init__(self, model: ModelT, *, canvas: int, fingerprint: str) -> None:
        self.model, self.canvas, self.fingerprint = model, canvas, fingerprint

    @staticmethod
    @abstractmethod
    def saved(folder: Path, canvas: int) -> tuple[str, ModelT]:
        """Fingerprint and model of a folder."""

    @classmethod
    def load(cls, folder: Path, *, canvas: int) -> Self:
        """A saved model over its bases, on the GPU if there is one; raises as what loads the model."""
        fingerprint, model = cls.saved(folder, canvas)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.requires_grad_(False).to(device), canvas=canvas, fingerprint=fingerprint)

    def fingerprint_of(self, method: str) -> str:
        """Hash of all that decides a picture; ValueError where the method is another."""
        if method != self.method:
            raise ValueError(f"this painter has no method {method!r}: it is a pipeline of the method {self.method!r}")
        return self.fingerprint


class PipelinePainter(PublicPainter[Icg]):
    """A saved model as a painter of the method ``icg``.

    Raises
    ------
    ValueError
        The model was made for preferences of another width than the night's.
    """

    method = "icg"

    def __init__(self, model: Icg, *, canvas: int, fingerprint: str) -> None:
        if model.config.user_dim != PREFERENCE_DIM:
            raise ValueError(f"the model takes preferences of {model.config.user_dim}: the night has {PREFERENCE_DIM}")
        super().__init__(model, canvas=canvas, fingerprint=fingerprint)

    @staticmethod
    def saved(folder: Path, canvas: int) -> tuple[str, Icg]:
        """Of :func:`save_icg`; raises as :func:`load_icg`."""
        return painting_fingerprint(folder, canvas), load_icg(folder)

    def paint(
        self,
        *,
        prompts: Sequence[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: float | NDArray[np.float32] = 1.0,
        method: str = "icg",
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

        def paint_rows(rows: NDArray[np.int64], each: float) -> NDArray[np.uint8]:
            batch = self.model.batch([prompts[row] for row in rows], references[rows], preferences[rows])
            return self.model.paint(batch, seeds=seeds[rows].tolist(), steps=steps, size=self.canvas, guidance=each)

        return covers_by_guidance(len(prompts), guidance, paint_rows)


def covers_by_guidance(
    count: int,
    guidance: float | NDArray[np.float32],
    paint_rows: Callable[[NDArray[np.int64], float], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """(count, 64, 64, 3) uint8 RGB: what a pipeline paints of rows of equal guidance, reduced.

    Parameters
    ----------
    guidance
        One for all, or (count,).
    paint_rows
        From rows (R,) and their guidance to (R, H, W, 3) uint8 pictures of any size.
    """
    strength = np.broadcast_to(np.asarray(guidance, np.float32), count)
    painted = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    for each in np.unique(strength):
        rows = np.flatnonzero(strength == each)
        painted[rows] = [reduced(picture) for picture in paint_rows(rows, float(each))]
    return painted


def reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At the size of the night's covers."""
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.LANCZOS))
