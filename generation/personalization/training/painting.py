"""Rows of the night to paint for somebody, and what a differentiable painter of them offers, whatever the method."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol

import torch
from torch import Tensor

from generation.alignment.base import ConditionT, Generator


@dataclass(frozen=True, kw_only=True)
class WorldBatch:
    """Rows to paint: an item for somebody."""

    reference: Tensor
    """(B, 3, 64, 64) in [-1, 1]: the items' default covers."""
    text: Tensor
    """(B, 384) sentence embeddings of the titles."""
    places: Tensor
    """(B, 16, 1280): what EfficientNet sees of the references."""
    preference: Tensor
    """(B, 160)"""
    reference_embeddings: Tensor
    """(B, 128)"""
    text_embeddings: Tensor
    """(B, 128)"""
    item_ids: list[str]
    whom: list[str]
    """A segment's or a user's id."""
    titles: list[str]

    def __len__(self) -> int:
        return len(self.reference)


class WorldPainting(Generator[WorldBatch, Any], Protocol):
    """A differentiable painter of items for somebody."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row of noise."""
        ...


@dataclass(frozen=True)
class Attended(Generic[ConditionT]):
    """What a network attends to: with guidance, unpersonalised too."""

    personal: ConditionT
    plain: ConditionT | None

    @classmethod
    def of(
        cls, condition: Callable[[Tensor], ConditionT], preference: Tensor, guidance: float
    ) -> "Attended[ConditionT]":
        """Of preferences (B, D); the unpersonalised half is taken without a gradient, and not at guidance 1."""
        personal = condition(preference)
        if guidance == 1:
            return cls(personal, None)
        with torch.no_grad():
            return cls(personal, condition(torch.zeros_like(preference)))

    def guided(self, predict: Callable[[ConditionT], Tensor], guidance: float) -> Tensor:
        """The estimate away from the unpersonalised one, which has no gradient."""
        wanted = predict(self.personal)
        if self.plain is None:
            return wanted
        with torch.no_grad():
            plain = predict(self.plain)
        return plain + guidance * (wanted - plain)
