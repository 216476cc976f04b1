"""What the parts of generation hand on to each other: an item, a segment, what a painter is told, and its answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 64
"""Width and height of what the built-in generator paints and the packaged encoders see, in pixels."""
PREFERENCE_DIM = 160
"""Aligned embedding (128) and style embedding (32) of a profile, concatenated."""

HISTORY_EVENTS, HISTORY_DIM = 48, 165
"""Events of a history, and numbers of an event (:mod:`generation.history`)."""
TOKEN_SLOTS = 6
"""Codes of a quantised preference."""
CLICKED_COVERS = 8
"""Pictures of clicked covers, at most (:mod:`generation.clicked_covers`)."""
SEEN = 224
"""Width and height at which clicked covers are shown to a painter, in pixels: what most vision towers read."""


@dataclass(frozen=True, kw_only=True)
class SegmentProfile:
    """What is known of whom an item is painted for: a row of ``segments``, or a single user."""

    segment_id: str
    pref_embedding: NDArray[np.float32]
    """(128,) mean preference of the segment's users in the aligned space."""
    pref_style: NDArray[np.float32]
    """(32,) the same in the style space."""
    history: NDArray[np.float32] | None = None
    """(48, 165) events, where a method of the night needs them and there are any."""
    tokens: NDArray[np.int32] | None = None
    """(6,) codes of the preference, -1 for none, where a method of the night needs them."""
    clicked_covers: tuple[str, ...] | None = None
    """Ids of at most 8 covers that stand for what was clicked, perhaps none, where a method of the night looks at their
    pictures."""
    likes: tuple[str, ...] = ()
    """Categories that are clicked more than others do, the most first."""

    @property
    def known(self) -> bool:
        """Whether anything is known of their taste."""
        return bool(np.any(self.pref_embedding) or np.any(self.pref_style))


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
    history: NDArray[np.float32] | None = None
    """(48, 165) float32, or None."""
    tokens: NDArray[np.int32] | None = None
    """(6,) int32, or None."""
    clicked_covers: tuple[str, ...] | None = None
    """Ids of covers whose pictures it is shown, or None."""


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
    """(H, W, 3) uint8 RGB: the cover the painting starts from, at the size that is to be painted."""
    preference: NDArray[np.float32]
    """(160,) float32; zeros paint an unpersonalised cover."""
    seed: int
    steps: int
    guidance: float
    method: str = "profile"
    """Of personalisation."""
    history: NDArray[np.float32] | None = None
    """(48, 165) float32 events (:mod:`generation.history`), for methods that need them."""
    tokens: NDArray[np.int32] | None = None
    """(6,) int32 codes, -1 for none, for methods that need them."""
    pictures: NDArray[np.uint8] | None = None
    """(K, h, w, 3) uint8 RGB of clicked covers, K from 1 to 8, for methods that look at them."""

    def __post_init__(self) -> None:
        for name, value, shape, dtype in (
            ("preference", self.preference, (PREFERENCE_DIM,), np.float32),
            ("history", self.history, (HISTORY_EVENTS, HISTORY_DIM), np.float32),
            ("tokens", self.tokens, (TOKEN_SLOTS,), np.int32),
        ):
            if value is None:
                continue
            if value.shape != shape or value.dtype != dtype:
                raise ValueError(f"{name} is {value.dtype} {value.shape}: expected {np.dtype(dtype)} {shape}")
        for name, seen, wanted in (
            ("reference", self.reference, "(height, width, 3)"),
            ("pictures", self.pictures, f"(1 to {CLICKED_COVERS}, height, width, 3)"),
        ):
            if seen is None:
                continue
            if (
                seen.ndim != wanted.count(",") + 1
                or seen.shape[-1] != 3
                or 0 in seen.shape[-3:]
                or seen.dtype != np.uint8
            ):
                raise ValueError(f"{name} is {seen.dtype} {seen.shape}: expected uint8 {wanted}")


@dataclass(frozen=True, kw_only=True)
class PaintResult:
    """What became of the request at ``index`` of the list that was given."""

    index: int
    picture: NDArray[np.uint8] | None = None
    """(H, W, 3) uint8 RGB, as large as the reference; None when it failed."""
    generator: str = ""
    """Fingerprint of the painter that painted it."""
    error: str | None = None
    """``INVALID_ARGUMENT: ...`` when the request was refused, ``INTERNAL: ...`` when painting failed."""
