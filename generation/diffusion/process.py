"""The path from noise to a picture in one form, whatever network walks it.

Every sampler here follows

    x_i = alpha_i * x_clean + sigma_i * (anchor + spread * e),    e ~ N(0, I)

from i = 0 to n, where alpha_n = 1 and sigma_n = 0. Three kinds of generator fit:

- variance preserving (Stable Diffusion, SDXL, PixArt): alpha = sqrt(acp), sigma = sqrt(1 - acp),
  anchor 0, spread 1, where acp is the cumulative product of the schedule;
- flow matching (Stable Diffusion 3, Flux, SANA): alpha = 1 - sigma, anchor 0, spread 1;
- the built-in bridge: alpha = 1 - sigma, the anchor is the reference, the spread its start noise.

The deterministic step is DDIM's (Song et al., ICLR 2021, https://arxiv.org/abs/2010.02502), which for
a flow is the Euler step. The stochastic one replaces a part of the noise by fresh noise and
keeps every marginal: the coefficients-preserving form (Wang and Yu 2025,
https://arxiv.org/abs/2509.05952) of the SDE that Flow-GRPO samples from
(Liu et al. 2025, https://arxiv.org/abs/2505.05470).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The points of a path; n steps have n + 1 points."""

    timesteps: tuple[float, ...]
    """(n,) what the network is told at each step."""
    alphas: tuple[float, ...]
    """(n + 1,) weight of the clean picture; the last is 1."""
    sigmas: tuple[float, ...]
    """(n + 1,) weight of the rest; the last is 0."""

    def __len__(self) -> int:
        return len(self.timesteps)

    @classmethod
    def flow(cls, steps: int, *, shift: float = 1.0) -> "Schedule":
        """Evenly spaced sigmas from 1, shifted as ``FlowMatchEulerDiscreteScheduler`` does.

        Examples
        --------
        >>> Schedule.flow(2).sigmas, Schedule.flow(2).timesteps
        ((1.0, 0.5, 0.0), (1000.0, 500.0))
        """
        even = np.linspace(1.0, 1.0 / steps, steps)
        sigmas = [*(shift * even / (1 + (shift - 1) * even)).tolist(), 0.0]
        return cls(
            timesteps=tuple(1000.0 * sigma for sigma in sigmas[:-1]),
            alphas=tuple(1.0 - sigma for sigma in sigmas),
            sigmas=tuple(sigmas),
        )

    @classmethod
    def variance_preserving(cls, steps: int, alphas_cumprod: Tensor) -> "Schedule":
        """Trailing timesteps of a schedule with the given cumulative products, (T,)."""
        total = len(alphas_cumprod)
        chosen = [round(total * (steps - i) / steps) - 1 for i in range(steps)]
        kept = [float(alphas_cumprod[timestep]) for timestep in chosen]
        return cls(
            timesteps=tuple(float(timestep) for timestep in chosen),
            alphas=(*(math.sqrt(each) for each in kept), 1.0),
            sigmas=(*(math.sqrt(1 - each) for each in kept), 0.0),
        )


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a batch of paths begins."""

    x: Tensor
    """(B, C, H, W) at step 0."""
    anchor: Tensor | float = 0.0
    """(B, C, H, W), or 0."""
    spread: float = 1.0
    """Standard deviation of the noise about the anchor."""


def deterministic_step(schedule: Schedule, step: int, x: Tensor, clean: Tensor) -> Tensor:
    """The point after ``step``, from x there and the network's estimate of the clean picture, without noise."""
    noise_part = (x - schedule.alphas[step] * clean) / schedule.sigmas[step]
    return schedule.alphas[step + 1] * clean + schedule.sigmas[step + 1] * noise_part


def stochastic_mean(
    schedule: Schedule, step: int, x: Tensor, clean: Tensor, start: Start, *, noise_level: float
) -> tuple[Tensor, float]:
    """Mean (B, C, H, W) and standard deviation of x at ``step + 1`` when noise is added.

    Parameters
    ----------
    noise_level
        0 is deterministic, 1 forgets all earlier noise; the share of the noise's deviation that is
        renewed is ``sin(noise_level * pi / 2)``.
    """
    noise_part = (x - schedule.alphas[step] * clean) / schedule.sigmas[step] - start.anchor
    sigma = schedule.sigmas[step + 1]
    angle = noise_level * math.pi / 2
    mean = schedule.alphas[step + 1] * clean + sigma * (start.anchor + math.cos(angle) * noise_part)
    return mean, sigma * start.spread * math.sin(angle)


def log_density(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """Log density of x (B, ...) under N(mean, deviation^2 I), averaged over the values of a row: (B,).

    The average, not the sum, as in DDPO (Black et al., ICLR 2024): ratios of picture-sized sums
    would leave the clipping range at once.
    """
    squared = ((x - mean) / deviation).square().flatten(1).mean(1)
    return -0.5 * squared - math.log(deviation) - 0.5 * math.log(2 * math.pi)


def seeded_noise(shape: tuple[int, ...], *key: int, device: str | torch.device = "cpu") -> Tensor:
    """Standard normal noise of a key of integers, the same on every machine and in every run."""
    rng = torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]) >> 1)
    return torch.randn(shape, generator=rng).to(device)
