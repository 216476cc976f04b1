"""A Pigeon over public checkpoints as a painter of the night's covers.

As :mod:`generation.personalization.icg.public.pipelines` does for ICG: Triton serves it, and it paints at the size of
the references that it is handed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generation.canvas import size_of
from generation.personalization.icg.public.pipelines import PublicPainter, covers_by_guidance
from generation.personalization.pigeon.public.model import PublicPigeon
from generation.personalization.pigeon.public.store import load_pigeon, painting_fingerprint


class PigeonPipelinePainter(PublicPainter[PublicPigeon]):
    """A saved model as a painter of the method ``pigeon``."""

    method = "pigeon"

    @staticmethod
    def saved(folder: Path) -> tuple[str, PublicPigeon]:
        """Of :func:`save_pigeon`; raises as :func:`load_pigeon`."""
        return painting_fingerprint(folder), load_pigeon(folder)

    def paint(
        self,
        *,
        prompts: Sequence[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: float | NDArray[np.float32] = 1.0,
        method: str = "pigeon",
        histories: NDArray[np.float32] | None = None,
        pictures: Sequence[NDArray[np.uint8]] | None = None,
    ) -> NDArray[np.uint8]:
        """(B, H, W, 3) uint8 RGB; rows of equal guidance are painted together.

        Parameters
        ----------
        prompts
            B titles.
        references
            (B, H, W, 3) uint8 RGB: what the multimodal model sees, at the size to be painted.
        preferences
            (B, 160), not looked at: the clicked covers say what somebody likes.
        seeds
            (B,)
        steps
            Of the pipeline's scheduler.
        guidance
            One for all, or (B,): away from the unpersonalised conditioning. Pipelines take 1 and less for off.
        method
            ``pigeon``.
        histories
            None: events as vectors are for the built-in network.
        pictures
            B times (K, h, w, 3) of clicked covers; none, or None for all, paints unpersonalised.

        Raises
        ------
        ValueError
            Another method, or events as vectors.
        """
        self.fingerprint_of(method)
        if histories is not None:
            raise ValueError("pigeon over public checkpoints is told pictures of clicked covers, not history")
        clicked = [covers[:0] for covers in references[:, None]] if pictures is None else pictures

        def paint_rows(rows: NDArray[np.int64], each: float) -> NDArray[np.uint8]:
            batch = self.model.batch(
                [prompts[row] for row in rows], references[rows], [clicked[row] for row in rows], guided=each != 1
            )
            return self.model.paint(
                batch, seeds=seeds[rows].tolist(), steps=steps, size=size_of(references), guidance=each
            )

        return covers_by_guidance(references, guidance, paint_rows)
