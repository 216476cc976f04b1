"""Codes of a preference, read from ``preference_tokens``, and as a painter is told them: six slots, -1 empty."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from conf.errors import UsageError
from generation.types import TOKEN_SLOTS
from jobs.lake.lake import Lake

NONE = -1
"""No code."""


def read_codes(lake: Lake, as_of: date, modality: str = "visual") -> dict[str, tuple[int, ...]]:
    """Codes of segments and users by audience, the coarsest first; those without any are left out.

    Raises
    ------
    UsageError
        They were not told for that day.
    """
    if as_of.isoformat() not in lake.partitions("preference_tokens"):
        raise UsageError(
            f"preference_tokens has no rows for {as_of}, and a method needs tokens: run `coverlift preference-tokens` "
            "with the night's own generation.method"
        )
    wanted = [("modality", "=", modality)]
    table = lake.read("preference_tokens", ds=as_of, columns=["audience", "codes"], filters=wanted)
    return {row["audience"]: tuple(row["codes"]) for row in table.to_pylist() if row["codes"]}


def painter_tokens(codes: Sequence[int]) -> NDArray[np.int32] | None:
    """(6,) int32 of codes of the look of covers; None where there are none.

    Examples
    --------
    >>> painter_tokens((3, 7)).tolist(), painter_tokens(())
    ([3, 7, -1, -1, -1, -1], None)
    """
    if not len(codes):
        return None
    told = np.full(TOKEN_SLOTS, NONE, np.int32)
    told[: len(codes)] = codes
    return told
