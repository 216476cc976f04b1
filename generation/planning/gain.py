"""What painting an item for a segment is expected to gain, before anything is painted.

The reward model is asked twice about every item: with its default cover, and with a cover that shows the
same in the style that painting for the segment reaches. An item whose default cover is already drawn
as the segment likes it gains nothing, however well it is painted: painting costs some of the resemblance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.rewards.personal import SegmentScorer
from generation.types import SegmentProfile

REACHED = 0.1
"""Share of the real covers, those that a segment's taste likes most, whose mean style stands for a painted one's."""


@dataclass(frozen=True, kw_only=True)
class ExpectedClicks:
    """Click probabilities of ``I`` items for ``S`` segments, position switched off."""

    default: NDArray[np.float64]
    """(I, S) of the default cover."""
    painted: NDArray[np.float64]
    """(I, S) of a painted one."""

    @property
    def gain(self) -> NDArray[np.float64]:
        """(I, S) clicks an impression gained."""
        return self.painted - self.default

    @property
    def relative(self) -> NDArray[np.float64]:
        """(I, S) the same as a share of the default cover's clicks."""
        relative: NDArray[np.float64] = self.gain / np.maximum(self.default, np.finfo(np.float64).tiny)
        return relative


def reached_styles(styles: NDArray[np.float32], segments: Sequence[SegmentProfile]) -> NDArray[np.float32]:
    """The style that painting for each segment reaches, (S, 32), L2-normalised.

    The mean over the ``REACHED`` of the real covers whose style has the largest inner product with the
    segment's preference.

    Parameters
    ----------
    styles
        (N, 32) style embeddings of real covers, at least one.
    segments
        Profiles.
    """
    count = math.ceil(REACHED * len(styles))
    liked = [np.argsort(-(styles @ segment.pref_style), kind="stable")[:count] for segment in segments]
    means = np.stack([styles[rows].mean(axis=0) for rows in liked])
    reached: NDArray[np.float32] = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return reached


def expected_clicks(
    item_ids: Sequence[str],
    embeddings: NDArray[np.float32],
    styles: NDArray[np.float32],
    segments: Sequence[SegmentProfile],
    reached: NDArray[np.float32],
    scorer: SegmentScorer,
) -> ExpectedClicks:
    """What the reward model expects of default and painted covers.

    Parameters
    ----------
    item_ids
        (I,) items.
    embeddings, styles
        (I, 128) and (I, 32) of their default covers.
    segments
        (S,) profiles.
    reached
        (S, 32) of :func:`reached_styles`.
    scorer
        The reward model.
    """
    shape = len(item_ids), len(segments)

    def asked(shown: NDArray[np.float32]) -> NDArray[np.float64]:
        return scorer.segment_click_probability(
            [segment.segment_id for _ in item_ids for segment in segments],
            [item for item in item_ids for _ in segments],
            np.repeat(embeddings, shape[1], axis=0),
            shown,
        ).reshape(shape)

    return ExpectedClicks(
        default=asked(np.repeat(styles, shape[1], axis=0)), painted=asked(np.tile(reached, (shape[0], 1)))
    )
