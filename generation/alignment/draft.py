"""Reward backpropagation through the last K denoising steps.

``draft`` runs the whole path, the last K steps with gradients (DRaFT-K, Clark et al., ICLR 2024,
https://arxiv.org/abs/2309.17400). ``refl`` stops at a random step of the second half and rewards the
network's estimate of the end of the path (ReFL, Xu et al., NeurIPS 2023, https://arxiv.org/abs/2304.05977).

The regularisation is the mean squared distance between the estimates of the tuned network and of
the start point at the same places of the path: up to a factor that depends on the step, the KL
divergence between their transitions (as in Black et al., ICLR 2024, and Liu et al. 2025).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from generation.alignment.base import BatchT, BatchT_contra, ConditionT, Generator
from generation.alignment.tuner import Tuner, TuneSettings
from generation.diffusion.process import Start, deterministic_step, seeded_noise


@dataclass(frozen=True, kw_only=True)
class Rewarded:
    """What rewards say of a batch of pictures."""

    total: Tensor
    """(B,) what is maximised."""
    parts: Mapping[str, Tensor]
    """(B,) by name, for the log."""


class Reward(Protocol[BatchT_contra]):
    """Rewards of pixels, differentiable where backpropagation is used."""

    def __call__(self, pixels: Tensor, batch: BatchT_contra) -> Rewarded:
        """Of (B, 3, H, W) pixels in [0, 1]."""
        ...


@dataclass(frozen=True, kw_only=True)
class DraftSettings(TuneSettings):
    """A run of reward backpropagation."""

    kind: Literal["draft", "refl"] = "draft"
    last_steps: int = 1
    """K."""


class Draft(Tuner, Generic[BatchT, ConditionT]):
    """Climbs a differentiable reward.

    Parameters
    ----------
    generator
        What paints.
    parameters
        What moves.
    reward
        Differentiable in the pixels.
    shape
        Of one row of noise.
    settings
        Of the run.
    """

    settings: DraftSettings

    def __init__(
        self,
        generator: Generator[BatchT, ConditionT],
        parameters: Mapping[str, nn.Parameter],
        reward: Reward[BatchT],
        *,
        shape: tuple[int, ...],
        settings: DraftSettings,
    ) -> None:
        super().__init__(parameters, settings)
        if not 1 <= settings.last_steps <= settings.sampler_steps:
            raise ValueError(f"last_steps is {settings.last_steps}: expected 1 to sampler_steps")
        self.generator, self.reward, self.shape = generator, reward, shape

    def learn(self, draw: Callable[[int], tuple[BatchT, int]]) -> dict[str, float]:
        """One optimiser step; returns the mean of each reward, the regularisation and the gradient's norm.

        Parameters
        ----------
        draw
            A batch and its number of rows for a key that depends on step, process and turn alone.
        """
        seen: dict[str, float] = {}
        for turn in range(self.settings.accumulate):
            key = (self.step * self.settings.accumulate + turn) * self.accelerator.num_processes + self.rank
            batch, rows = draw(key)
            loss, figures = self.loss(batch, seeded_noise((rows, *self.shape), self.settings.seed, key), key)
            self.accelerator.backward(loss / self.settings.accumulate)
            for name, value in figures.items():
                seen[name] = seen.get(name, 0.0) + value / self.settings.accumulate
        return {**seen, "gradient": self.descend()}

    def loss(self, batch: BatchT, noise: Tensor, key: int) -> tuple[Tensor, dict[str, float]]:
        """Negative reward plus regularisation, and the figures for the log."""
        settings = self.settings
        schedule = self.generator.schedule(settings.sampler_steps)
        start = self.generator.start(batch, noise.to(self.accelerator.device))
        first, last = self._span(key)
        with self.autocast():
            x = self._walk(start, batch, first)
            condition = self.generator.condition(batch)
            with torch.no_grad(), self.at(self.start_point):
                wanted = self.generator.condition(batch)
            distance = x.new_zeros(())
            for step in range(first, last + 1):
                clean = self._predict(x, schedule, step, batch, condition)
                with torch.no_grad(), self.at(self.start_point):
                    kept = self.generator.predict_clean(x, schedule, step, batch, wanted)
                distance = distance + (clean - kept).square().mean() / (last - first + 1)
                if step < last:
                    x = deterministic_step(schedule, step, x, clean)
            pixels = self.generator.decode(clean)
        rewarded = self.reward(pixels.float(), batch)
        loss = settings.regularisation * distance - rewarded.total.float().mean()
        figures = {name: float(part.detach().float().nanmean()) for name, part in rewarded.parts.items()}
        return loss, {
            "reward": float(rewarded.total.detach().mean()),
            **figures,
            "distance": float(distance.detach()),
        }

    def _span(self, key: int) -> tuple[int, int]:
        """First and last step with gradients."""
        steps = self.settings.sampler_steps
        if self.settings.kind == "refl":
            stop = int(np.random.default_rng((self.settings.seed, key)).integers(steps // 2, steps))
            return stop, stop
        return steps - self.settings.last_steps, steps - 1

    @torch.no_grad()
    def _walk(self, start: Start, batch: BatchT, until: int) -> Tensor:
        """The path up to a step, without gradients."""
        schedule, x = self.generator.schedule(self.settings.sampler_steps), start.x
        if until:
            condition = self.generator.condition(batch)
        for step in range(until):
            x = deterministic_step(schedule, step, x, self.generator.predict_clean(x, schedule, step, batch, condition))
        return x.float()

    def _predict(self, x: Tensor, *arguments: Any) -> Tensor:
        if not self.settings.checkpointing:
            return self.generator.predict_clean(x, *arguments)
        recomputed: Tensor = checkpoint(self.generator.predict_clean, x, *arguments, use_reentrant=False)
        return recomputed
