"""Painted pictures with all that rewards look at, and the figures they give: arrays, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""(N,) float64, NaN where a reward does not apply."""


@dataclass(frozen=True, kw_only=True)
class PictureBatch:
    """N pictures with all that rewards look at; every array has N rows."""

    pictures: NDArray[np.uint8]
    """(N, 64, 64, 3) RGB"""
    embeddings: NDArray[np.float32]
    """(N, 128) L2-normalised, aligned with texts."""
    styles: NDArray[np.float32]
    """(N, 32) L2-normalised"""
    reference_embeddings: NDArray[np.float32]
    """(N, 128) of the item's default cover."""
    text_embeddings: NDArray[np.float32]
    """(N, 128) of the prompt."""
    item_ids: Sequence[str]
    segment_ids: Sequence[str]
    """Whom each picture is for; ``all`` is everybody."""
    reference_pictures: NDArray[np.uint8] | None = None
    """(N, 64, 64, 3) RGB of the item's default cover; None where no reward looks at it."""
    detailed: NDArray[np.uint8] | None = None
    """(N, 224, 224, 3) RGB, for networks that see more than 64 x 64; None where nothing asks."""
    prompts: Sequence[str] = ()
    """What each picture was painted for in words; only rewards that encode words themselves need it."""

    def __len__(self) -> int:
        return len(self.pictures)
