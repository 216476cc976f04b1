r"""Stage 2, pairwise preference alignment in latents: Diffusion-DPO over all timesteps.

With the chosen picture's latents :math:`w`, the rejected one's :math:`l`, one timestep and one noise for both, and
:math:`e(x)` the denoiser's squared error on :math:`x` there, mean over values (Wallace et al., CVPR 2024,
https://arxiv.org/abs/2311.12908):

.. math::

    L = -\log \sigma\left(-\frac{\beta}{2} \left[(e(w) - e_0(w)) - (e(l) - e_0(l))\right]\right)
        + \lambda |a - a_0|^2

:math:`e_0` is the error at the frozen start point, the model that painted the pairs, so that the loss is log 2 at the
start. What moves are the low-rank weights and the connector; the mask, the queries and both base models stay as stage 1
left them. :math:`\lambda` holds the denoiser's answers :math:`a` near those of the start point.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.alignment.pairwise import implicit_reward
from generation.alignment.tuner import Tuner, TuneSettings
from generation.personalization.pigeon.public.model import PublicPigeon
from generation.personalization.pigeon.training.public.latents import Places, answered, error_change, noised
from generation.personalization.pigeon.training.public.pairs import LatentPairs


@dataclass(frozen=True, kw_only=True)
class LatentPairwiseSettings(TuneSettings):
    """A run of pairwise alignment in latents; ``regularisation`` is the anchor."""

    sampler_steps: int = 1
    beta: float = 5000.0


def aligned_parameters(model: PublicPigeon) -> dict[str, nn.Parameter]:
    """What stage 2 moves, by name: the low-rank weights and the connector."""
    return {
        name: weight for name, weight in model.trainable().items() if "lora_" in name or name.startswith("connector.")
    }


class LatentPairwise(Tuner):
    """Learns from pairs.

    Parameters
    ----------
    model
        What is trained.
    parameters
        What moves.
    settings
        Of the run.
    """

    settings: LatentPairwiseSettings

    def __init__(
        self, model: PublicPigeon, parameters: Mapping[str, nn.Parameter], settings: LatentPairwiseSettings
    ) -> None:
        super().__init__(parameters, settings)
        self.model = model

    def learn(self, draw: Callable[[int], LatentPairs]) -> dict[str, float]:
        """One step on the pairs of a key; returns loss, accuracy of the implicit reward and distances."""
        seen: dict[str, float] = {}
        for turn in range(self.settings.accumulate):
            key = (self.step * self.settings.accumulate + turn) * self.accelerator.num_processes + self.rank
            loss, figures = self.loss(draw(key), key)
            self.accelerator.backward(loss / self.settings.accumulate)
            for name, value in figures.items():
                seen[name] = seen.get(name, 0.0) + value / self.settings.accumulate
        return {**seen, "gradient": self.descend()}

    def loss(self, pairs: LatentPairs, key: int) -> tuple[Tensor, dict[str, float]]:
        """The loss at places of the path that a key decides, and the figures for the log."""
        generator, rows = self.model.generator, len(pairs.chosen)
        places = Places.drawn(generator, rows, tuple(pairs.chosen.shape[1:]), self.settings.seed, key)
        shown = [noised(generator, latents, places) for latents in (pairs.chosen, pairs.rejected)]

        def answers() -> list[Tensor]:
            with self.autocast():
                said = self.model(pairs.batch)
                checkpointing = self.settings.checkpointing
                return [answered(generator, each, said, checkpointing=checkpointing).float() for each in shown]

        with self.at(self.start_point):  # its graph is dropped; without one kernels round otherwise, beta times
            before = [answer.detach() for answer in answers()]
        found = answers()
        won, lost = (error_change(each, now, then) for each, now, then in zip(shown, found, before, strict=True))
        logit = implicit_reward(won, lost, beta=self.settings.beta)
        moved = torch.stack([(now - then).square().mean() for now, then in zip(found, before, strict=True)]).mean()
        loss = -F.logsigmoid(logit).mean() + self.settings.regularisation * moved
        return loss, {
            "loss": float(loss.detach()),
            "implicit": float(logit.detach().mean()),
            "accuracy": float((logit.detach() > 0).float().mean()),
            "moved": float(moved.detach()),
        }
