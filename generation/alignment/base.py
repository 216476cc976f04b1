"""What alignment asks of a generator; the built-in one and any pipeline of ``diffusers`` offer it."""

from typing import Protocol, TypeVar

from torch import Tensor

from generation.diffusion.process import Schedule, Start

BatchT = TypeVar("BatchT")
BatchT_contra = TypeVar("BatchT_contra", contravariant=True)
ConditionT = TypeVar("ConditionT")


class Generator(Protocol[BatchT_contra, ConditionT]):
    """A differentiable painter in the terms of :mod:`generation.diffusion.process`."""

    def schedule(self, steps: int) -> Schedule:
        """The path of that many steps."""
        ...

    def start(self, batch: BatchT_contra, noise: Tensor) -> Start:
        """Where the paths of a batch begin, for standard normal noise (B, C, H, W)."""
        ...

    def condition(self, batch: BatchT_contra) -> ConditionT:
        """What the network attends to."""
        ...

    def predict_clean(
        self, x: Tensor, schedule: Schedule, step: int, batch: BatchT_contra, condition: ConditionT
    ) -> Tensor:
        """The network's estimate of the end of the path."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [0, 1] of the end of a path; differentiable."""
        ...
