"""What the parts of generation hand on to each other: an item, a segment, what a painter is told, and its answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 64
"""Width and height of references and painted pictures, in pixels."""
PREFERENCE_DIM = 160
"""Aligned embedding (128) and style embedding (32) of a profile, concatenated."""


@dataclass(frozen=True, kw_only=True)
class SegmentProfile:
    """A row of ``segments``: what its users have in common."""

    segment_id: str
    pref_embedding: NDArray[np.float32]
    """(128,) mean preference of the segment's users in the aligned space."""
    pref_style: NDArray[np.float32]
    """(32,) the same in the style space."""


@dataclass(frozen=True, kw_only=True)
class ItemContent:
    """What of an item can be painted."""

    item_id: str
    title: str
    tags: tuple[str, ...]
    reference_cover_id: str


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What a painter is told beside the reference."""

    prompt: str
    preference: NDArray[np.float32]
    """(160,) float32."""


@dataclass(frozen=True, kw_only=True)
class PaintRequest:
    """One picture to paint.

    Raises
    ------
    ValueError
        When an array has another shape or dtype than Triton's model declares.
    """

    prompt: str
    reference: NDArray[np.uint8]
    """(64, 64, 3) uint8 RGB: the cover the painting starts from."""
    preference: NDArray[np.float32]
    """(160,) float32; zeros paint an unpersonalised cover."""
    seed: int
    steps: int
    guidance: float
    method: str = "profile"
    """Of personalisation."""

    def __post_init__(self) -> None:
        for name, value, shape, dtype in (
            ("reference", self.reference, (SIZE, SIZE, 3), np.uint8),
            ("preference", self.preference, (PREFERENCE_DIM,), np.float32),
        ):
            if value.shape != shape or value.dtype != dtype:
                raise ValueError(f"{name} is {value.dtype} {value.shape}: expected {np.dtype(dtype)} {shape}")


@dataclass(frozen=True, kw_only=True)
class PaintResult:
    """What became of the request at ``index`` of the list that was given."""

    index: int
    picture: NDArray[np.uint8] | None = None
    """(64, 64, 3) uint8 RGB; None when it failed."""
    generator: str = ""
    """Fingerprint of the painter that painted it."""
    error: str | None = None
    """``INVALID_ARGUMENT: ...`` when the request was refused, ``INTERNAL: ...`` when painting failed."""
