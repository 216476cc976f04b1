r"""Pairwise preference alignment of a one-step generator: Diffusion-DPO at the one distilled step.

With ``f`` the network's estimate at the start of the path, ``f0`` that of the frozen start point, ``w`` the chosen and
``l`` the rejected picture (Wallace et al., CVPR 2024, https://arxiv.org/abs/2311.12908; for distilled models Miao et
al. 2024, https://arxiv.org/abs/2410.03190), means over values:

.. math::

    L = -\log \sigma\left(-\frac{\beta}{2} \left[(|f - w|^2 - |f_0 - w|^2) - (|f - l|^2 - |f_0 - l|^2)\right]\right)
        + \lambda |f - f_0|^2

Where the path starts at the reference plus noise the input knows neither ``w`` nor ``l``, so one forward pass serves
both, and the logit is linear in ``f`` along ``w - l``: nothing in it stops overshooting. Hence the anchor
:math:`\lambda` and the safeguard of the rejected half (Fu et al. 2025, https://arxiv.org/abs/2511.03317): its gradient
is scaled so that a small step does not move ``f`` away from ``w``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.alignment.base import BatchT, ConditionT, Generator
from generation.alignment.tuner import Tuner, TuneSettings

MARGIN = 0.9
"""mu of the safeguard: what share of the chosen half's progress may be lost to the rejected half is 1 - mu."""


@dataclass(frozen=True, kw_only=True)
class PairwiseSettings(TuneSettings):
    """A run of pairwise alignment; ``regularisation`` is the anchor."""

    sampler_steps: int = 1
    beta: float = 1000.0
    safeguard: bool = True


@dataclass(frozen=True, kw_only=True)
class Pairs(Generic[BatchT]):
    """Rows with two pictures each."""

    batch: BatchT
    noise: Tensor
    """(B, C, H, W) that both pictures were painted from."""
    chosen: Tensor
    """(B, C, H, W) in the space of the path."""
    rejected: Tensor


def safe_share(found: Tensor, chosen: Tensor, rejected: Tensor) -> Tensor:
    """(B,) what the rejected half's gradient is scaled by: 1 where it does not push away from the chosen picture.

    min(1, (1 - mu) |g_w|^2 / (g_l . g_w)) with the gradients g_w, g_l of the two squared errors at ``found``.

    Examples
    --------
    >>> at, chosen = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    >>> [round(float(safe_share(at, chosen, torch.tensor([each]))), 3) for each in ([2.0, 0.0], [0.0, 5.0])]
    [0.05, 1.0]
    """
    towards, away = (found - chosen).flatten(1), (found - rejected).flatten(1)
    along = (towards * away).sum(1)
    allowed = (1 - MARGIN) * towards.square().sum(1) / along.clamp_min(1e-12)
    return torch.where(along > 0, allowed.clamp_max(1.0), torch.ones_like(along))


def implicit_reward(won: Tensor, lost: Tensor, *, beta: float) -> Tensor:
    """(B,) logit of the loss: how much nearer than the start point it came to the chosen than to the rejected picture.

    Parameters
    ----------
    won, lost
        (B,) squared errors for the chosen and the rejected picture, less those of the start point.
    beta
        Of the loss.
    """
    return -beta / 2 * (won - lost)


def preference_logit(
    found: Tensor, before: Tensor, chosen: Tensor, rejected: Tensor, *, beta: float, share: Tensor | None = None
) -> Tensor:
    """(B,) implicit reward of the chosen over the rejected picture: 0 at the start point.

    Parameters
    ----------
    found, before, chosen, rejected
        (B, ...) f, f0, w and l.
    beta
        Of the loss.
    share
        (B,) of :func:`safe_share`: scales the gradient of the rejected half, not its value.
    """

    def error(one: Tensor, other: Tensor) -> Tensor:
        return (one - other).square().flatten(1).mean(1)

    lost = error(found, rejected)
    if share is not None:
        lost = lost.detach() + share * (lost - lost.detach())
    won = error(found, chosen) - error(before, chosen)
    return implicit_reward(won, lost - error(before, rejected), beta=beta)


class Pairwise(Tuner, Generic[BatchT, ConditionT]):
    """Learns from pairs.

    Parameters
    ----------
    generator
        What paints, in one step.
    parameters
        What moves.
    settings
        Of the run.
    """

    settings: PairwiseSettings

    def __init__(
        self,
        generator: Generator[BatchT, ConditionT],
        parameters: dict[str, nn.Parameter],
        settings: PairwiseSettings,
    ) -> None:
        super().__init__(parameters, settings)
        self.generator = generator

    def learn(self, draw: Callable[[int], Pairs[BatchT]]) -> dict[str, float]:
        """One step on the pairs of a key; returns loss, accuracy of the implicit reward and distances."""
        loss, figures = self.loss(draw(self.step))
        self.accelerator.backward(loss)
        return {**figures, "gradient": self.descend()}

    def loss(self, pairs: Pairs[BatchT]) -> tuple[Tensor, dict[str, float]]:
        """The loss and the figures for the log."""
        settings = self.settings
        with self.autocast():
            found = self._estimate(pairs).float()
            with torch.no_grad(), self.at(self.start_point):
                before = self._estimate(pairs).float()
        share = safe_share(found.detach(), pairs.chosen, pairs.rejected) if settings.safeguard else None
        logit = preference_logit(found, before, pairs.chosen, pairs.rejected, beta=settings.beta, share=share)
        moved = (found - before).square().mean()
        loss = -F.logsigmoid(logit).mean() + settings.regularisation * moved
        return loss, {
            "loss": float(loss.detach()),
            "accuracy": float((logit.detach() > 0).float().mean()),
            "to_chosen": float((found.detach() - pairs.chosen).square().mean()),
            "moved": float(moved.detach()),
        }

    def _estimate(self, pairs: Pairs[BatchT]) -> Tensor:
        start = self.generator.start(pairs.batch, pairs.noise)
        condition = self.generator.condition(pairs.batch)
        return self.generator.predict_clean(start.x, self.generator.schedule(1), 0, pairs.batch, condition)
