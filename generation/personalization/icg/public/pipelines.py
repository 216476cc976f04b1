"""An ICG model over public checkpoints as a painter of the night's covers.

The painter takes and gives what :class:`generation.serving.requests.Painter` says, so Triton serves it and the night
plans for it like the built-in painter. It paints at the size of the references that it is handed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from generation.canvas import resized, size_of
from generation.personalization.icg.public.model import Icg
from generation.personalization.icg.public.store import load_icg, painting_fingerprint
from generation.types import PREFERENCE_DIM

ModelT = TypeVar("ModelT", bound=nn.Module)


class PublicPainter(ABC, Generic[ModelT]):
    """A saved model over public checkpoints as a painter of one method; each method has its own ``paint``.

    Parameters
    ----------
    model
        With all that it needs to read prompts.
    fingerprint
        Of all that decides a picture.
    """

    method: ClassVar[str]

    def __init__(self, model: ModelT, *, fingerprint: str) -> None:
        self.model, self.fingerprint = model, fingerprint

    @staticmethod
    @abstractmethod
    def saved(folder: Path) -> tuple[str, ModelT]:
        """Fingerprint and model of a folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A saved model over its bases, on the GPU if there is one; raises as what loads the model."""
        fingerprint, model = cls.saved(folder)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.requires_grad_(False).to(device), fingerprint=fingerprint)

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

    def __init__(self, model: Icg, *, fingerprint: str) -> None:
        if model.config.user_dim != PREFERENCE_DIM:
            raise ValueError(f"the model takes preferences of {model.config.user_dim}: the night has {PREFERENCE_DIM}")
        super().__init__(model, fingerprint=fingerprint)

    @staticmethod
    def saved(folder: Path) -> tuple[str, Icg]:
        """Of :func:`save_icg`; raises as :func:`load_icg`."""
        return painting_fingerprint(folder), load_icg(folder)

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
        """(B, H, W, 3) uint8 RGB; rows of equal guidance are painted together.

        Parameters
        ----------
        prompts
            B titles.
        references
            (B, H, W, 3) uint8 RGB: what the multimodal model sees, at the size to be painted.
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
            return self.model.paint(
                batch, seeds=seeds[rows].tolist(), steps=steps, size=size_of(references), guidance=each
            )

        return covers_by_guidance(references, guidance, paint_rows)


def covers_by_guidance(
    references: NDArray[np.uint8],
    guidance: float | NDArray[np.float32],
    paint_rows: Callable[[NDArray[np.int64], float], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """(B, H, W, 3) uint8 RGB: what a pipeline paints of rows of equal guidance.

    Parameters
    ----------
    references
        (B, H, W, 3): as large as what is painted.
    guidance
        One for all, or (B,).
    paint_rows
        From rows (R,) and their guidance to (R, h, w, 3) uint8 pictures. A pipeline whose latents do not come in the
        asked size may answer with another one, which is scaled.
    """
    strength = np.broadcast_to(np.asarray(guidance, np.float32), len(references))
    painted, size = np.zeros_like(references), size_of(references)
    for each in np.unique(strength):
        rows = np.flatnonzero(strength == each)
        painted[rows] = resized(paint_rows(rows, float(each)), size)
    return painted
