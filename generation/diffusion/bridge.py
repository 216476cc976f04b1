"""A diffusion bridge from the original cover to the painted one, solved in a few Euler steps.

Flow matching (Lipman et al., ICLR 2023, https://arxiv.org/abs/2210.02747) whose start is not
pure noise but the reference plus noise, so that the subject is there from the first step:

    x_s = s * (reference + START_NOISE * e) + (1 - s) * x_1,    s from 1 to 0,  e ~ N(0, I)

The network predicts x_1; the velocity dx/ds = (x_s - x_1) / s is what the scheduler
(``FlowMatchEulerDiscreteScheduler`` of diffusers) integrates.
"""

from collections.abc import Callable

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

START_NOISE = 0.5
"""Standard deviation of the noise at the start, pixels in [-1, 1]."""


def start_of(reference: Tensor, noise: Tensor) -> Tensor:
    """The bridge at s = 1; both (B, C, H, W)."""
    return reference + START_NOISE * noise


def between(start: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """The bridge at ``sigma`` (B,) in [0, 1]."""
    weight = sigma.view(-1, 1, 1, 1)
    return weight * start + (1 - weight) * clean


def build_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Euler steps over evenly spaced sigmas."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)


def solve(
    scheduler: FlowMatchEulerDiscreteScheduler,
    start: Tensor,
    steps: int,
    predict: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Follow the bridge from ``start`` to a picture.

    Parameters
    ----------
    start
        (B, C, H, W) float32 at s = 1.
    steps
        Network evaluations.
    predict
        (x_s, sigma (B,)) -> estimate of x_1, both (B, C, H, W).
    """
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1.0 / steps, steps).tolist())
    x = start
    for timestep, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        clean = predict(x, sigma.expand(len(x)).to(x))
        x = scheduler.step((x - clean) / sigma, timestep, x, return_dict=False)[0]
    return x


def noise_of(seeds: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, one generator a row, so that neighbours in a batch change nothing.

    Parameters
    ----------
    seeds
        (B,) int64.
    shape
        Of one row.
    """
    rows = [torch.randn(shape, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    return torch.stack(rows)
