"""Would the users it is painted for click it? The CTR reward model's answer."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.rewards.batch import PictureBatch, Scores
from generation.rewards.view import PictureView


class SegmentScorer(Protocol):
    """What of :class:`reward_model.scorer.PersonalScorer` is used here."""

    def segment_click_probability(
        self,
        segment_ids: Sequence[str],
        item_ids: Sequence[str],
        embeddings: NDArray[np.float32],
        styles: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """(N,) mean click probability over a fixed sample of each segment's users."""
        ...


class PairProbability(Protocol):
    """What of :class:`reward_model.gradient.ClickGradient` is used here."""

    def __call__(self, whom: Sequence[str], item_ids: Sequence[str], vectors: Tensor) -> Tensor:
        """(N,) mean click probability of segments or users, differentiable in the (N, 160) cover vectors."""
        ...


class Personal:
    """Mean click probability of the segment's users, position switched off.

    For the segment ``all`` it is the mean over a sample of all users, so that an unpersonalised
    cover is chosen among its candidates by the same rule as a personal one.

    Parameters
    ----------
    scorer
        Scores painted covers.
    gradient
        The same model with gradients; only training needs it.
    """

    name = "personal"
    differentiable = True
    needs = frozenset({"embeddings", "styles", "item_ids", "segment_ids"})

    def __init__(self, scorer: SegmentScorer, gradient: PairProbability | None = None) -> None:
        self.scorer = scorer
        self.gradient = gradient

    def value(self, view: PictureView) -> Tensor:
        """(N,) probability, with the gradient to the pixels.

        Raises
        ------
        TypeError
            Made without ``gradient``.
        """
        if self.gradient is None:
            raise TypeError("This personal reward only scores: give it reward_model.gradient.ClickGradient to train by")
        vectors = torch.cat([view.encoded.embedding, view.encoded.style], dim=1)
        return self.gradient(view.segment_ids, view.item_ids, vectors)

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) probability."""
        return self.scorer.segment_click_probability(batch.segment_ids, batch.item_ids, batch.embeddings, batch.styles)
