"""What stands between a method and the network: from what is told about a picture to what the UNet attends to.

An adapter is a method's own weights over a generator. The painter (:class:`generation.diffusion.painter.Painter`)
holds one for each method it serves and asks all of them alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from generation.diffusion.conditioning import ConditioningAdapter


@dataclass(frozen=True, kw_only=True)
class ConditionBatch:
    """What is told about ``B`` pictures."""

    text: Tensor
    """(B, 384) sentence embeddings of the titles."""
    preference: Tensor
    """(B, 160); zeros where nobody's taste is known."""
    pixels: Tensor
    """(B, 3, 64, 64) uint8: the references."""
    history: Tensor | None = None
    """(B, 48, 165) events (:mod:`generation.history`); None where nothing is known of anybody in the batch."""
    tokens: Tensor | None = None
    """(B, 6) int64 codes, -1 for none; None likewise."""
    seen: dict[str, Tensor] = field(default_factory=dict)
    """What was computed of titles and references; the unpersonalised half shares it."""

    def once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """``compute()``, once for this batch and its unpersonalised half: of titles and references only."""
        if name not in self.seen:
            self.seen[name] = compute()
        return self.seen[name]

    @property
    def personal(self) -> bool:
        """Whether anything is told of anybody."""
        return self.history is not None or self.tokens is not None or bool(self.preference.any())

    def unpersonalised(self) -> "ConditionBatch":
        """The same pictures for nobody in particular."""
        return replace(self, preference=torch.zeros_like(self.preference), history=None, tokens=None)


class Adapter(Protocol):
    """A method's weights over a generator."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits of all weights that paint."""
        ...

    @property
    def unet(self) -> UNet2DConditionModel:
        """The generator's own, or a copy that the method tuned."""
        ...

    def to(self, device: str) -> None:
        """Move what is neither the UNet nor the generator's conditioning."""
        ...

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, width) and pooled vector (B, width) that the UNet attends to."""
        ...


@runtime_checkable
class ScoresEvents(Protocol):
    """An adapter that believes some events of a history more than others; evaluation asks it how much."""

    def event_scores(self, preference: Tensor, history: Tensor) -> Tensor:
        """(B, 48) of the events of (B, 48, 165), higher is believed more; ``preference`` (B, 160) of the night."""
        ...


@dataclass(frozen=True, kw_only=True)
class GeneratorAdapter:
    """The generator as it is: for methods that have no weights of their own."""

    fingerprint: str
    unet: UNet2DConditionModel
    conditioning: ConditioningAdapter

    def to(self, device: str) -> None:
        """Nothing of its own to move."""

    def condition(self, batch: ConditionBatch) -> tuple[Tensor, Tensor]:
        """What the generator's own conditioning says of titles and preferences."""
        tokens, pooled = self.conditioning(batch.text, batch.preference)
        return tokens, pooled


@runtime_checkable
class PlainAdapter(Protocol):
    """An adapter that paints for nobody by another network than for somebody: by the generator's own."""

    @property
    def plain_unet(self) -> UNet2DConditionModel:
        """What paints where nothing is told of anybody."""
        ...


def network_for(adapter: Adapter, batch: ConditionBatch) -> UNet2DConditionModel:
    """The network that paints a batch."""
    if isinstance(adapter, PlainAdapter) and not batch.personal:
        return adapter.plain_unet
    return adapter.unet
