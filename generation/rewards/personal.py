"""Would the users it is painted for click it? The CTR reward model's answer."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generation.rewards.base import PictureBatch, Scores


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


class Personal:
    """Mean click probability of the segment's users, position switched off.

    For the segment ``all`` it is the mean over a sample of all users, so that an unpersonalised
    cover is chosen among its candidates by the same rule as a personal one.
    """

    name = "personal"
    differentiable = True

    def __init__(self, scorer: SegmentScorer) -> None:
        self.scorer = scorer

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) probability."""
        return self.scorer.segment_click_probability(batch.segment_ids, batch.item_ids, batch.embeddings, batch.styles)
