"""What a comparison found, as data: ``compare.json`` is one :class:`Document`, and its schema is written beside it."""

import math
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from recsys_eval.statistics.lift import Estimate

Verdict = Literal["holds", "does not hold", "not shown", "not measurable here"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(Protocol):
    """What a figure rests on."""

    @property
    def users(self) -> int:
        """Number of users."""
        ...

    @property
    def items(self) -> int:
        """Number of items."""
        ...


class Figure(_Part):
    """One number with its interval."""

    section: Literal["figures", "panel", "encoder", "paired", "clicks", "noise", "mask", "titles"]
    level: Literal["segment", "user"]
    method: str
    figure: str
    """What was measured: a name in :data:`recsys_eval.comparison.report.markdown.FIGURES`."""
    slice: str = "all"
    """Of users: all, those with some number of clicks, or a noise and its share."""
    against: str | None = None
    """What it is the difference to."""
    value: float
    low: float | None
    high: float | None
    """Bounds of the 95 % interval; None where resampling left nothing."""
    p: float | None = None
    p_holm: float | None = None
    """The same after Holm over the methods."""
    users: int
    items: int

    @classmethod
    def of(cls, found: Estimate, counts: Counts, **names: str | None) -> "Figure":
        """An estimate, named."""
        low, high = (value if math.isfinite(value) else None for value in (found.low, found.high))
        return cls.model_validate(
            {
                **names,
                "value": found.value,
                "low": low,
                "high": high,
                "p": found.p,
                "users": counts.users,
                "items": counts.items,
            }
        )


class Permutation(_Part):
    """Outcome of a permutation test."""

    level: Literal["segment", "user"]
    method: str
    own: float
    shuffled: float
    z: float
    p: float
    shuffles: int
    n: int


class Claim(_Part):
    """What a paper says, and what was found here."""

    paper: str
    claim: str
    verdict: Verdict
    rests_on: str


class Method(_Part):
    """A method as it was compared."""

    name: str
    method: str
    """In the registry: an arm with other weights, or without a part, has a name of its own."""
    fingerprint: str
    megabytes: float
    """Of its own weights as they are shipped, beside the generator's."""
    parameters: int
    """Trained ones, beside the generator's."""
    training_minutes: float | None
    """As the manifest of its weights says; None where it does not."""
    trained_by: str | None
    pictures: int
    """Units painted by it."""


class Document(_Part):
    """A whole comparison."""

    version: Literal[3] = 3
    command: str
    night: str
    seed: int
    """Of drawing users and items, of noise and of resampling."""
    resamples: int
    painting_seeds: int
    users: dict[str, int]
    """Held-out users painted for, by clicks."""
    held_out_users: int
    items: list[str]
    segments: list[str]
    methods: list[Method]
    figures: list[Figure]
    permutations: list[Permutation]
    claims: list[Claim]
    notes: list[str]
