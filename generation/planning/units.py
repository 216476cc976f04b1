"""What a unit of painting is, and its name: the hash of all that decides its pixels."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.types import PREFERENCE_DIM, SIZE

PREFERENCE_DECIMALS = 4
"""A profile is rounded before painting, so that the last bits of a mean do not make another unit."""
MAX_SEED = 2**63 - 1
CANDIDATE_STRIDE = 1_000_003
"""Distance between the seeds of a unit's candidates."""


@dataclass(frozen=True, kw_only=True)
class PaintUnit:
    """An item painted for a segment: one or more candidates that differ in seed and guidance."""

    item_id: str
    segment_id: str
    prompt: str
    reference_cover_id: str
    """SHA-256 of the reference's bytes."""
    preference: NDArray[np.float32]
    """(160,) float32, rounded by :func:`rounded`."""
    method: str
    seed: int
    candidates: int
    history_id: str | None = None
    """SHA-256 of the history that it is painted from."""
    tokens: tuple[int, ...] | None = None
    clicked_covers: tuple[str, ...] | None = None
    """SHA-256 of the clicked covers whose pictures it is painted from."""
    size: tuple[int, int] = (SIZE, SIZE)
    """Width and height, pixels."""

    def unit_id(
        self, *, generator: str, steps: int, guidance: Sequence[float], stored: tuple[str, int] | None = None
    ) -> str:
        """SHA-256 of what decides the pixels as they are stored.

        The item's and the segment's names are not part of it but through the seed: what
        counts is what they look like.

        Parameters
        ----------
        generator
            Fingerprint of the weights.
        steps, guidance
            Of the sampler; candidates take the guidances in turn.
        stored
            Format and quality of pictures that lose something when they are stored; None is lossless.
        """
        width, height = self.size
        decisive: dict[str, Any] = {
            "prompt": self.prompt,
            "reference": self.reference_cover_id,
            "preference": hashlib.sha256(rounded(self.preference).astype("<f4").tobytes()).hexdigest(),
            "method": self.method,
            "generator": generator,
            "seed": self.seed,
            "steps": steps,
            "guidance": [float(strength) for strength in guidance],
            "candidates": self.candidates,
            "size": width if width == height else [width, height],
        }
        if stored is not None:
            decisive["stored"] = list(stored)
        if self.history_id is not None:
            decisive["history"] = self.history_id
        if self.tokens is not None:
            decisive["tokens"] = list(self.tokens)
        if self.clicked_covers is not None:
            decisive["clicked_covers"] = list(self.clicked_covers)
        return hashlib.sha256(json.dumps(decisive, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def seeds(self) -> list[int]:
        """One seed per candidate."""
        return [(self.seed + number * CANDIDATE_STRIDE) % MAX_SEED for number in range(self.candidates)]


def unit_of(row: Mapping[str, Any]) -> PaintUnit:
    """The unit of a row of ``generation_plan``; plans of before know no clicked covers and one size."""
    covers = row.get("clicked_covers")
    return PaintUnit(
        item_id=row["item_id"],
        segment_id=row["segment_id"],
        prompt=row["prompt"],
        reference_cover_id=row["reference_cover_id"],
        preference=np.asarray([*row["pref_embedding"], *row["pref_style"]], np.float32),
        method=row["method"],
        seed=row["seed"],
        candidates=row["candidates"],
        history_id=row["history_id"],
        tokens=None if row["tokens"] is None else tuple(row["tokens"]),
        clicked_covers=None if covers is None else tuple(covers),
        size=(row.get("width") or SIZE, row.get("height") or SIZE),
    )


def unit_seed(base: int, item_id: str, segment_id: str) -> int:
    """Seed of an item x segment, from 0 to 2^63 - 2; the night is not part of it.

    Examples
    --------
    >>> unit_seed(23, "1f355", "s1") == unit_seed(23, "1f355", "s1") != unit_seed(23, "1f355", "s2")
    True
    """
    digest = hashlib.sha256(json.dumps([base, item_id, segment_id]).encode()).digest()
    return int.from_bytes(digest[:8], "big") % MAX_SEED


def rounded(preference: NDArray[np.float32]) -> NDArray[np.float32]:
    """A profile as it is painted: rounded, and without negative zeros.

    Raises
    ------
    ValueError
        When it has not 160 finite values.
    """
    if preference.shape != (PREFERENCE_DIM,) or not np.isfinite(preference).all():
        raise ValueError(f"A preference has {PREFERENCE_DIM} finite values, this one has shape {preference.shape}")
    return np.round(preference.astype(np.float32), PREFERENCE_DECIMALS) + np.float32(0.0)
