r"""Latents of a pipeline at any place of its path, and what its denoiser should say of them.

With clean latents :math:`x_0`, noise :math:`\epsilon` and a place of the path with weights :math:`\alpha, \sigma`, the
denoiser sees :math:`x = \alpha x_0 + \sigma \epsilon` and was trained to answer :math:`\epsilon`, or
:math:`v = \alpha \epsilon - \sigma x_0`, or a flow's velocity :math:`\epsilon - x_0`. The diffusion loss is the mean
squared error of that answer, every row at a place of its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from generation.diffusion.process import seeded_noise
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.generators import DiffusersGenerator


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where on the path the rows of a batch are looked at, and by which noise."""

    step: Tensor
    """(B,) int64, 0 is pure noise."""
    noise: Tensor
    """(B, C, H, W) standard normal."""

    @classmethod
    def drawn(cls, generator: DiffusersGenerator, rows: int, shape: tuple[int, ...], *key: int) -> "Places":
        """Uniform over all timesteps, decided by a key of integers."""
        steps = np.random.default_rng(key).integers(generator.train_steps, size=rows)
        return cls(step=torch.from_numpy(steps), noise=seeded_noise((rows, *shape), *key))


@dataclass(frozen=True, kw_only=True)
class Noised:
    """What a denoiser is shown, and what it should answer."""

    x: Tensor
    """(B, C, H, W)"""
    timestep: Tensor
    """(B,)"""
    wanted: Tensor
    """(B, C, H, W)"""


def noised(generator: DiffusersGenerator, clean: Tensor, places: Places) -> Noised:
    """Clean latents (B, C, H, W) at places of the path, on their device."""
    schedule = generator.schedule(generator.train_steps)

    def at(values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values)[places.step].to(clean)

    alpha, sigma = (at(values)[:, None, None, None] for values in (schedule.alphas, schedule.sigmas))
    noise = places.noise.to(clean)
    if generator.flow:
        wanted = noise - clean
    elif generator.pipeline.scheduler.config.prediction_type == "v_prediction":
        wanted = alpha * noise - sigma * clean
    else:
        wanted = noise
    return Noised(x=alpha * clean + sigma * noise, timestep=at(schedule.timesteps), wanted=wanted)


def answered(
    generator: DiffusersGenerator, shown: Noised, conditioning: PromptEmbeds, *, checkpointing: bool = False
) -> Tensor:
    """(B, C, H, W) what the denoiser says; ``checkpointing`` keeps no activations for the backward pass."""
    if not checkpointing:
        return generator.answer(shown.x, shown.timestep, conditioning)
    recomputed: Tensor = checkpoint(generator.answer, shown.x, shown.timestep, conditioning, use_reentrant=False)
    return recomputed


def errors(shown: Noised, answer: Tensor) -> Tensor:
    """(B,) mean squared error of an answer."""
    return (answer - shown.wanted).square().flatten(1).mean(1)


def error_change(shown: Noised, answer: Tensor, before: Tensor) -> Tensor:
    """(B,) mean squared error of an answer less that of another one, without subtracting nearly equal numbers.

    :math:`|a - w|^2 - |a_0 - w|^2 = (a - a_0)(a + a_0 - 2 w)`.

    Examples
    --------
    >>> shown = Noised(x=torch.zeros(1, 2), timestep=torch.zeros(1), wanted=torch.tensor([[1.0, 3.0]]))
    >>> error_change(shown, torch.tensor([[2.0, 3.0]]), torch.tensor([[0.0, 1.0]])).tolist()
    [-2.0]
    """
    return ((answer - before) * (answer + before - 2 * shown.wanted)).flatten(1).mean(1)
