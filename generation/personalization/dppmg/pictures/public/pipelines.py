"""A pipeline that is told codes as a painter of the night's covers.

The painter takes and gives what :class:`generation.serving.requests.Painter` says, so Triton serves it and the night
plans for it like the built-in painter. It paints at the size of the references that it is handed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generation.canvas import size_of
from generation.personalization.dppmg.pictures.public.model import CodedPipeline
from generation.personalization.dppmg.pictures.public.store import load_pipeline, painting_fingerprint
from generation.personalization.icg.public.pipelines import PublicPainter, covers_by_guidance
from generation.preference_tokens import NONE
from generation.types import TOKEN_SLOTS


class CodedPainter(PublicPainter[CodedPipeline]):
    """A saved model as a painter of the method ``dppmg``."""

    method = "dppmg"

    @staticmethod
    def saved(folder: Path) -> tuple[str, CodedPipeline]:
        """Of :func:`save_pipeline`; raises as :func:`load_pipeline`."""
        return painting_fingerprint(folder), load_pipeline(folder)

    def paint(
        self,
        *,
        prompts: Sequence[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: float | NDArray[np.float32] = 1.0,
        method: str = "dppmg",
        tokens: NDArray[np.int32] | None = None,
    ) -> NDArray[np.uint8]:
        """(B, H, W, 3) uint8 RGB; rows of equal guidance are painted together.

        Parameters
        ----------
        prompts
            B titles.
        references
            (B, H, W, 3) uint8 RGB, at the size to be painted: what it begins from, where ``strength`` is under 1.
        preferences
            (B, 160); not looked at.
        seeds
            (B,)
        steps
            Evaluations of the denoiser.
        guidance
            One for all, or (B,): the pipeline's own, away from the empty prompt. Pipelines take 1 and less for off.
        method
            ``dppmg``.
        tokens
            (B, 6) codes, -1 for none; None is the plain prompt's picture.
        """
        self.fingerprint_of(method)
        codes = np.full((len(prompts), TOKEN_SLOTS), NONE, np.int64) if tokens is None else tokens

        def paint_rows(rows: NDArray[np.int64], each: float) -> NDArray[np.uint8]:
            return self.model.paint(
                [prompts[row] for row in rows],
                codes[rows],
                seeds=seeds[rows].tolist(),
                steps=steps,
                size=size_of(references),
                guidance=each,
                covers=references[rows],
            )

        return covers_by_guidance(references, guidance, paint_rows)
