"""The events of a batch, column by column: what :mod:`generation.history` packs into one array."""

from dataclasses import dataclass

import torch
from torch import Tensor

from generation.history import AGE, CLICKED, EXAMINATION, KNOWN, WEIGHT
from generation.types import PREFERENCE_DIM


@dataclass(frozen=True, kw_only=True)
class Events:
    """What ``B`` somebodies were shown, ``N`` events each."""

    look: Tensor
    """(B, N, 160) vectors of the covers."""
    clicked: Tensor
    """(B, N) bool: clicked and known."""
    known: Tensor
    """(B, N) bool: not padding."""
    age: Tensor
    """(B, N) log1p(hours) / 8."""
    examination: Tensor
    """(B, N) of the positions."""
    weight: Tensor
    """(B, N) how many events a row stands for, or of a segment its share of them."""

    @classmethod
    def of(cls, history: Tensor) -> "Events":
        """From (B, N, 165)."""
        known = history[:, :, KNOWN] > 0
        return cls(
            look=history[:, :, :PREFERENCE_DIM],
            clicked=known & (history[:, :, CLICKED] > 0),
            known=known,
            age=history[:, :, AGE],
            examination=history[:, :, EXAMINATION],
            weight=history[:, :, WEIGHT],
        )

    @property
    def anything(self) -> Tensor:
        """(B,) bool: whether anything is known."""
        return self.known.any(1)

    @property
    def clicks(self) -> Tensor:
        """(B,) int64 rows of clicks."""
        return self.clicked.sum(1)

    def without(self, dropped: Tensor) -> "Events":
        """The same with the rows of ``dropped`` (B, N) as padding."""
        kept = self.known & ~dropped
        zero = torch.zeros_like(self.age)
        return Events(
            look=torch.where(kept[..., None], self.look, torch.zeros_like(self.look)),
            clicked=self.clicked & kept,
            known=kept,
            age=torch.where(kept, self.age, zero),
            examination=torch.where(kept, self.examination, zero),
            weight=torch.where(kept, self.weight, zero),
        )
