"""What may happen to a painted cover before it is stored, by name; ``generation.finishing`` chooses."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from generation.finishing.redraw import REGIONS, redrawn
from jobs.lake.arrays import Pixels


@dataclass(frozen=True, kw_only=True)
class Finishing:
    """A way to finish covers."""

    apply: Callable[[Pixels, Pixels], Pixels]
    """Painted covers and their originals, (B, H, W, 3) uint8 RGB each, to finished covers of the same shape."""
    decided_by: Mapping[str, Any]
    """All that decides the pixels."""


FINISHINGS: dict[str, Finishing] = {"regions": Finishing(apply=redrawn, decided_by=REGIONS)}
"""By name; ``none`` leaves covers as they were painted."""


def finished_fingerprint(generator: str, finishing: str) -> str:
    """16 hex digits of a generator's fingerprint and how its covers are finished; of ``none`` the generator's own.

    Examples
    --------
    >>> finished_fingerprint("0123456789abcdef", "none")
    '0123456789abcdef'
    """
    if finishing == "none":
        return generator
    decided = {"generator": generator, "finishing": finishing, **FINISHINGS[finishing].decided_by}
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:16]
