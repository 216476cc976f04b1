"""What somebody was shown, as numbers that a painter is told: at most 48 events, one row each.

A row has 165 columns: the cover's vector (160: aligned, then style) | +1 clicked, -1 skipped | log1p(age in
hours) / 8 | examination of its position | weight | 1 known, 0 padding. Rows of covers without a vector, and padding,
are zeros.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from generation.types import HISTORY_DIM, HISTORY_EVENTS, PREFERENCE_DIM, TOKEN_SLOTS

CLICKED, AGE, EXAMINATION, WEIGHT, KNOWN = range(PREFERENCE_DIM, HISTORY_DIM)
"""Columns behind the vector."""
AGE_SCALE = 8.0
DECIMALS = 4
"""Rows are rounded before painting, so that the last bits of a mean do not make another unit."""


def history_array(
    *,
    vectors: NDArray[np.float32],
    clicked: NDArray[np.bool_],
    age_hours: NDArray[np.float64],
    examination: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float32] | None:
    """Events as a painter is told them.

    Parameters
    ----------
    vectors
        (N, 160), NaN rows where a cover has none.
    clicked, age_hours, examination, weight
        (N,) of the same events, newest first.

    Returns
    -------
    ndarray or None
        (48, 165) float32 of the newest 48, rounded; None where nothing of them is known.

    Examples
    --------
    >>> one = {"vectors": np.full((1, 160), 0.5, np.float32), "clicked": np.array([True])}
    >>> told = history_array(
    ...     **one, age_hours=np.array([np.e - 1]), examination=np.array([0.7]), weight=np.array([1.0])
    ... )
    >>> told.shape, told[0, 158:].tolist(), float(np.abs(told[1:]).max())
    ((48, 165), [0.5, 0.5, 1.0, 0.125, 0.699999988079071, 1.0, 1.0], 0.0)
    """
    told = np.zeros((HISTORY_EVENTS, HISTORY_DIM), np.float32)
    rows = min(len(vectors), HISTORY_EVENTS)
    known = np.isfinite(vectors[:rows]).all(axis=1)
    if not known.any():
        return None
    told[:rows, :PREFERENCE_DIM] = vectors[:rows]
    told[:rows, CLICKED] = np.where(clicked[:rows], 1.0, -1.0)
    told[:rows, AGE] = np.log1p(age_hours[:rows]) / AGE_SCALE
    told[:rows, EXAMINATION] = examination[:rows]
    told[:rows, WEIGHT] = weight[:rows]
    told[:rows, KNOWN] = 1.0
    told[:rows][~known] = 0.0
    return np.round(told, DECIMALS) + np.float32(0.0)


def history_bytes(history: NDArray[np.float32]) -> bytes:
    """48 x 165 little-endian float32."""
    return history.astype("<f4").tobytes()


def history_from(data: bytes) -> NDArray[np.float32]:
    """What :func:`history_bytes` wrote."""
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(HISTORY_EVENTS, HISTORY_DIM)


def history_id(history: NDArray[np.float32]) -> str:
    """SHA-256 of its bytes."""
    return hashlib.sha256(history_bytes(history)).hexdigest()


def refused_history(history: NDArray[np.float32]) -> str | None:
    """Why a history can never be painted from, naming the row, or None."""
    wrong = ~np.isfinite(history).all(axis=1)
    if wrong.any():
        return f"history has values that are not finite in row {int(wrong.argmax())}"
    negative = history[:, WEIGHT] < 0
    if negative.any():
        row = int(negative.argmax())
        return f"history has the weight {history[row, WEIGHT]:g} in row {row}: expected 0 or more"
    return None


def refused_tokens(tokens: NDArray[np.int32], codes: int) -> str | None:
    """Why tokens can never be painted from, naming the slot, or None.

    Examples
    --------
    >>> refused_tokens(np.array([3, -1, 64, 0, 0, 0], np.int32), 64)
    'tokens has 64 in slot 2: expected -1 (none) to 63'
    """
    wrong = (tokens < -1) | (tokens >= codes)
    if not wrong.any():
        return None
    slot = int(wrong.argmax())
    return f"tokens has {int(tokens[slot])} in slot {slot}: expected -1 (none) to {codes - 1}"


__all__ = [
    "HISTORY_DIM",
    "HISTORY_EVENTS",
    "TOKEN_SLOTS",
    "history_array",
    "history_bytes",
    "history_from",
    "history_id",
    "refused_history",
    "refused_tokens",
]
