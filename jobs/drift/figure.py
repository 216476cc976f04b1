"""A figure of a night, what is usual for it, and how far off it is."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["usual", "warn", "stop"]
HOUR, POLICY = "hour_share.", "policy_share."
"""Begin the names of shares: they are kept for comparing, and judged together as ``hours`` and ``policies``."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A figure of a night; a row of the table ``drift``."""

    figure: str
    value: float
    usual: float | None = None
    """Median of the nights before."""
    low: float | None = None
    high: float | None = None
    """The usual range: what lies outside is told. None on a side that has no limit."""
    score: float | None = None
    """How far off it is, in the unit of its limits; None where it is not judged."""
    nights: int = 0
    """Nights before that it was compared with."""
    verdict: Verdict | None = None
    """None where it is not judged."""

    def __str__(self) -> str:
        bounds = [number(bound) for bound in (self.low, self.high) if bound is not None]
        if not bounds:
            return f"{self.figure} is {number(self.value)}"
        usual = (
            " to ".join(bounds) if len(bounds) == 2 else f"{'at least' if self.high is None else 'up to'} {bounds[0]}"
        )
        return f"{self.figure} is {number(self.value)}, usual is {usual}"


def number(value: float) -> str:
    """A number in four digits.

    Examples
    --------
    >>> number(17280), number(0.04567), number(0.0)
    ('17,280', '0.04567', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
