"""Pictures that stand for what somebody clicked, for methods that look at pictures instead of vectors.

A history (:mod:`generation.history`) says what was clicked as vectors: of single covers, of groups of a user's clicks,
or of a segment's prototypes. Each stands for the real cover whose vector is nearest to it: for a single click that is
the cover itself. Painted covers stand for none, so that no painter is shown its own pictures as what people like. A
cover's id is the hash of its bytes, so ids beside the plan say which pictures a unit is painted from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from generation.catalogue import CoverVectors
from generation.history import CLICKED, KNOWN, WEIGHT
from generation.types import CLICKED_COVERS, PREFERENCE_DIM, SegmentProfile


@dataclass(frozen=True, kw_only=True)
class CoverShelf:
    """Real covers, and their vectors scaled to unit length."""

    cover_ids: tuple[str, ...]
    """(N,)"""
    vectors: NDArray[np.float32]
    """(N, 160)"""

    @classmethod
    def of(cls, covers: CoverVectors, cover_ids: Sequence[str]) -> "CoverShelf":
        """The named covers; raises as :meth:`generation.catalogue.CoverVectors.where`."""
        rows = covers.where(cover_ids)
        vectors = np.concatenate([covers.embeddings[rows], covers.styles[rows]], axis=1)
        return cls(cover_ids=tuple(cover_ids), vectors=unit(vectors))

    def standing_for(self, history: NDArray[np.float32] | None) -> tuple[str, ...]:
        """Ids of at most 8 covers that stand for the clicks of a history.

        Those that stand for most events come first, of equal ones the newest; no cover twice.

        Parameters
        ----------
        history
            (48, 165), or None where nothing is known.
        """
        if history is None:
            return ()
        rows = np.flatnonzero((history[:, KNOWN] > 0) & (history[:, CLICKED] > 0))
        rows = rows[np.argsort(-history[rows, WEIGHT], kind="stable")]
        nearest = (unit(history[rows, :PREFERENCE_DIM]) @ self.vectors.T).argmax(axis=1)
        return tuple(dict.fromkeys(self.cover_ids[cover] for cover in nearest))[:CLICKED_COVERS]

    def shown(self, profile: SegmentProfile) -> SegmentProfile:
        """The profile with the covers that stand for its history's clicks."""
        return replace(profile, clicked_covers=self.standing_for(profile.history))


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to unit length; zeros stay."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def refused_pictures(pictures: NDArray[np.uint8]) -> str | None:
    """Why pictures of clicked covers can never be painted from, or None.

    Examples
    --------
    >>> refused_pictures(np.zeros((9, 64, 64, 3), np.uint8))
    'pictures has 9 rows: expected 1 to 8'
    """
    if 1 <= len(pictures) <= CLICKED_COVERS:
        return None
    return f"pictures has {len(pictures)} rows: expected 1 to {CLICKED_COVERS}"
