"""Policy gradients on the stochastic sampler, for rewards that cannot be differentiated.

Each denoising step is an action (DDPO, Black et al., ICLR 2024, https://arxiv.org/abs/2305.13301); several
pictures are painted of each row, and a picture's advantage is its reward relative to that group,
in standard deviations (GRPO on the SDE form of the sampler: Flow-GRPO, Liu et al. 2025,
https://arxiv.org/abs/2505.05470). Per step, with r the ratio of densities under the tuned and the sampling weights,

    loss = -mean(min(r * A, clip(r, 1 - c, 1 + c) * A)) + beta * KL(tuned || start point).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor, nn

from generation.alignment.base import BatchT, ConditionT, Generator
from generation.alignment.draft import Reward
from generation.alignment.tuner import Tuner, TuneSettings
from generation.diffusion.process import (
    Schedule,
    Start,
    deterministic_step,
    log_density,
    seeded_noise,
    stochastic_mean,
)


@dataclass(frozen=True, kw_only=True)
class PolicySettings(TuneSettings):
    """A run of policy gradients."""

    group: int = 8
    """Pictures of one row; ``draw`` gives rows in runs of so many equal ones."""
    noise_level: float = 0.7
    """Share of renewed noise a step: 0 is deterministic and cannot be learnt from."""
    ratio_clip: float = 1e-2
    epochs: int = 1
    """Passes over each set of paths."""


@dataclass(frozen=True)
class Paths(Generic[BatchT]):
    """Painted paths and what they earned."""

    batch: BatchT
    start: Start
    points: list[Tensor]
    """x at every stochastic step and one more, each (B, C, H, W)."""
    densities: list[Tensor]
    """Log density of each move under the weights that sampled it, (B,)."""
    rewards: dict[str, Tensor]
    """(B,) by name, ``reward`` the sum."""


def group_advantages(rewards: Tensor, group: int) -> Tensor:
    """(reward - mean) / deviation within runs of ``group`` rows; 0 where a group is of one mind.

    Examples
    --------
    >>> group_advantages(torch.tensor([1.0, 3.0, 5.0, 5.0]), 2).tolist()
    [-1.0, 1.0, 0.0, 0.0]
    """
    grouped = rewards.view(-1, group)
    deviation = grouped.std(1, keepdim=True, correction=0)
    return torch.where(deviation > 1e-8, (grouped - grouped.mean(1, keepdim=True)) / deviation, 0.0).flatten()


class PolicyGradient(Tuner, Generic[BatchT, ConditionT]):
    """Climbs any reward.

    Parameters
    ----------
    generator, parameters, reward, shape, settings
        As of :class:`generation.alignment.draft.Draft`; the reward need not be differentiable.
    """

    settings: PolicySettings

    def __init__(
        self,
        generator: Generator[BatchT, ConditionT],
        parameters: Mapping[str, nn.Parameter],
        reward: Reward[BatchT],
        *,
        shape: tuple[int, ...],
        settings: PolicySettings,
    ) -> None:
        super().__init__(parameters, settings)
        if settings.sampler_steps < 2 or not 0 < settings.noise_level <= 1:
            raise ValueError("Policy gradients need sampler_steps of 2 or more and a noise_level in (0, 1]")
        self.generator, self.reward, self.shape = generator, reward, shape

    def learn(self, draw: Callable[[int], tuple[BatchT, int]]) -> dict[str, float]:
        """Paint, reward, and ``epochs`` optimiser steps; returns the figures for the log."""
        key = self.step * self.accelerator.num_processes + self.rank
        batch, rows = draw(key)
        if rows % self.settings.group:
            raise ValueError(f"draw gave {rows} rows: expected whole groups of {self.settings.group}")
        paths = self.paint(batch, rows, key)
        advantages = group_advantages(paths.rewards["reward"], self.settings.group)
        figures = {name: float(value.float().nanmean()) for name, value in paths.rewards.items()}
        for _ in range(self.settings.epochs):
            figures |= self._improve(paths, advantages)
        return figures

    @torch.no_grad()
    def paint(self, batch: BatchT, rows: int, key: int) -> Paths[BatchT]:
        """Stochastic paths of a batch with the current weights; the last step is deterministic."""
        settings = self.settings
        schedule = self.generator.schedule(settings.sampler_steps)
        device = self.accelerator.device

        def noise(step: int) -> Tensor:
            return seeded_noise((rows, *self.shape), settings.seed, key, step, device=device)

        with self.autocast():
            start = self.generator.start(batch, noise(0))
            condition, x, points, densities = self.generator.condition(batch), start.x, [start.x], []
            for step in range(len(schedule) - 1):
                mean, deviation = self._mean(schedule, step, x, start, batch, condition)
                x = mean + deviation * noise(step + 1)
                points.append(x)
                densities.append(log_density(x, mean, deviation))
            last = len(schedule) - 1
            clean = self.generator.predict_clean(x, schedule, last, batch, condition)
            end = deterministic_step(schedule, last, x, clean)
            pixels = self.generator.decode(end)
        rewarded = self.reward(pixels.float(), batch)
        rewards = {**rewarded.parts, "reward": rewarded.total.float().to(device)}
        return Paths(batch, start, points, densities, rewards)

    def _improve(self, paths: Paths[BatchT], advantages: Tensor) -> dict[str, float]:
        """One optimiser step over all moves of the paths."""
        settings = self.settings
        schedule = self.generator.schedule(settings.sampler_steps)
        moves = len(paths.densities)
        divergence_seen, clipped_seen = 0.0, 0.0
        for step in range(moves):
            with self.autocast():
                x = paths.points[step]
                condition = self.generator.condition(paths.batch)
                mean, deviation = self._mean(schedule, step, x, paths.start, paths.batch, condition)
                with torch.no_grad(), self.at(self.start_point):
                    kept = self.generator.condition(paths.batch)
                    first, _ = self._mean(schedule, step, x, paths.start, paths.batch, kept)
            density = log_density(paths.points[step + 1], mean.float(), deviation)
            ratio = (density - paths.densities[step]).exp()
            bounded = ratio.clamp(1 - settings.ratio_clip, 1 + settings.ratio_clip)
            surrogate = torch.minimum(ratio * advantages, bounded * advantages).mean()
            # KL of two normal distributions with one deviation, a value.
            divergence = (mean - first).float().square().mean() / (2 * deviation**2)
            self.accelerator.backward((settings.regularisation * divergence - surrogate) / moves)
            divergence_seen += float(divergence.detach()) / moves
            clipped_seen += float((ratio.detach() != bounded.detach()).float().mean()) / moves
        return {"kl": divergence_seen, "clipped": clipped_seen, "gradient": self.descend()}

    def _mean(
        self, schedule: Schedule, step: int, x: Tensor, start: Start, batch: BatchT, condition: ConditionT
    ) -> tuple[Tensor, float]:
        clean = self.generator.predict_clean(x, schedule, step, batch, condition)
        return stochastic_mean(schedule, step, x, clean, start, noise_level=self.settings.noise_level)
