"""Pictures of covers by id, decoded once."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.pictures import to_pixels
from generation.types import SEEN
from jobs.lake.images import ImageStore

REMEMBERED = 4096
"""Covers whose pixels are kept."""


class Album:
    """Covers of a store at the size that a painter is told them.

    Parameters
    ----------
    images
        The store; raises what it raises.
    """

    def __init__(self, images: ImageStore) -> None:
        self.images = images
        self.cover = lru_cache(maxsize=REMEMBERED)(self._cover)

    def _cover(self, cover_id: str) -> NDArray[np.uint8]:
        return to_pixels(self.images.get(cover_id), SEEN)

    def covers(self, cover_ids: tuple[str, ...]) -> NDArray[np.uint8]:
        """(K, 224, 224, 3) uint8 RGB, K may be 0."""
        if not cover_ids:
            return np.zeros((0, SEEN, SEEN, 3), np.uint8)
        return np.stack([self.cover(cover_id) for cover_id in cover_ids])

    def canvas(self, cover_ids: Sequence[str], size: int) -> Tensor:
        """(B, 3, size, size) in [0, 1], from the pictures as they are stored."""
        pixels = np.stack([to_pixels(self.images.get(cover_id), size) for cover_id in cover_ids])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
