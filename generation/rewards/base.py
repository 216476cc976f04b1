"""What a reward is: a figure per picture, by name, made comparable on real covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from generation.rewards.batch import PictureBatch, Scores
from generation.rewards.view import PictureView


class Reward(Protocol):
    """A reward; higher is better."""

    @property
    def name(self) -> str:
        """Key in ``generated_covers.rewards`` and in the settings' ``weights``."""
        ...

    @property
    def differentiable(self) -> bool:
        """Whether the figure is a differentiable function of the pixels; then there is a ``value`` too."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Fields of :class:`PictureBatch` that it looks at."""
        ...

    def score(self, batch: PictureBatch) -> Scores:
        """One figure per picture; NaN where the reward does not apply."""
        ...


class DifferentiableReward(Reward, Protocol):
    """A reward whose gradient reaches the pixels."""

    def value(self, view: PictureView) -> Tensor:
        """(N,) as :meth:`score`, as a differentiable tensor."""
        ...


def score_by_value(reward: DifferentiableReward, batch: PictureBatch) -> Scores:
    """``score`` of a reward that is written as a tensor, so that there is one formula."""
    with torch.no_grad():
        return np.asarray(reward.value(PictureView.of(batch)).double().numpy())


@dataclass(frozen=True, kw_only=True)
class Normaliser:
    """Mean and standard deviation of a reward on real covers: a normalised reward is in units of their spread."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, scores: Scores) -> "Normaliser":
        """Of the figures that are not NaN; without any spread the deviation is 1.

        Examples
        --------
        >>> Normaliser.fit(np.array([1.0, 3.0, np.nan])).apply(np.array([4.0])).tolist()
        [2.0]
        """
        known = scores[~np.isnan(scores)]
        spread = float(known.std()) if known.size else 0.0
        return cls(mean=float(known.mean()) if known.size else 0.0, deviation=spread if spread > 1e-9 else 1.0)

    def apply(self, scores: Scores) -> Scores:
        """(scores - mean) / deviation; NaN stays NaN."""
        return (scores - self.mean) / self.deviation


class RewardPanel:
    """Several rewards, normalised on the same real covers and summed by weight.

    Parameters
    ----------
    rewards
        Rewards with different names.
    weights
        Weight by name; a reward without a weight raises ValueError.
    reference
        Real covers.
    """

    def __init__(self, rewards: Sequence[Reward], weights: Mapping[str, float], reference: PictureBatch) -> None:
        unweighted = [reward.name for reward in rewards if reward.name not in weights]
        if unweighted:
            raise ValueError(f"The settings' weights have no value for the rewards {unweighted}")
        self.rewards = list(rewards)
        self.weights = dict(weights)
        self.normalisers = {reward.name: Normaliser.fit(reward.score(reference)) for reward in rewards}

    def value(self, view: PictureView) -> tuple[dict[str, Tensor], Tensor]:
        """As :meth:`score`, differentiable.

        Raises
        ------
        TypeError
            A reward of the panel is not differentiable: use policy gradients, or set its weight to 0.
        """
        fixed = [reward.name for reward in self.rewards if not reward.differentiable]
        if fixed:
            raise TypeError(f"The rewards {fixed} have no gradient: set their weights to 0, or use policy gradients")
        raw = {reward.name: cast(DifferentiableReward, reward).value(view) for reward in self.rewards}
        total = view.pixels.new_zeros(len(view.pixels))
        for name, values in raw.items():
            normaliser = self.normalisers[name]
            normalised = (values.to(total.dtype) - normaliser.mean) / normaliser.deviation
            total = total + self.weights[name] * normalised.nan_to_num(nan=0.0)
        return raw, total

    def score(self, batch: PictureBatch) -> tuple[dict[str, Scores], Scores]:
        """Raw figures by name, and the weighted sum of the normalised ones (a NaN counts as average, 0)."""
        raw = {reward.name: reward.score(batch) for reward in self.rewards}
        total = np.zeros(len(batch))
        for name, scores in raw.items():
            total += self.weights[name] * np.nan_to_num(self.normalisers[name].apply(scores), nan=0.0)
        return raw, total
