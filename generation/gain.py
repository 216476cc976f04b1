"""Clicks a day that painting an item for a segment is expected to gain."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from generation.catalogue import CoverVectors
from generation.personalization.methods import SegmentProfile
from generation.rewards.personal import SegmentScorer

SAMPLE_ITEMS = 200
"""Known items whose real drawings stand for what painting can reach; a fixed sample by the hash of their cover."""
SHRINKAGE = 5.0
"""A category's gain counts as much as its segment's overall gain once this many items were looked at."""


@dataclass(frozen=True, kw_only=True)
class GainTable:
    """Expected gain in CTR by segment and category."""

    overall: dict[str, float]
    by_category: dict[tuple[str, str], float]

    def of(self, segment_id: str, category: str) -> float:
        """CTR gained; of a category that was never looked at, the segment's overall gain."""
        return self.by_category.get((segment_id, category), self.overall.get(segment_id, 0.0))


def ctr_gains(
    covers: pd.DataFrame, vectors: CoverVectors, segments: Sequence[SegmentProfile], scorer: SegmentScorer
) -> GainTable:
    """What real drawings in a segment's preferred style would gain over the default cover.

    For a sample of items with several drawings, the drawing whose style embedding has the largest
    inner product with the segment's style preference stands for the cover that would be
    painted; its gain is the reward model's click probability minus that of the default cover.
    The mean over a category's n items is shrunk towards the segment's overall mean,
    ``(n * category + k * overall) / (n + k)`` with k = ``SHRINKAGE``. An item that launches has
    one drawing only, so its category's figure is its own.

    Parameters
    ----------
    covers
        Real covers: cover_id, item_id, is_default, category.
    vectors
        Their features.
    segments
        Profiles.
    scorer
        The reward model.
    """
    drawings = _sampled(covers)
    if drawings.empty or not segments:
        return GainTable(overall={}, by_category={})
    rows = vectors.where(drawings["cover_id"])
    gains = pd.concat([_gain_of(drawings, rows, vectors, segment, scorer) for segment in segments])
    overall = gains.groupby("segment_id")["gain"].mean()
    cells = gains.groupby(["segment_id", "category"])["gain"].agg(["sum", "count"]).reset_index()
    cells["shrunk"] = (cells["sum"] + SHRINKAGE * cells["segment_id"].map(overall)) / (cells["count"] + SHRINKAGE)
    keys = zip(cells["segment_id"], cells["category"], strict=True)
    return GainTable(
        overall={str(name): float(gain) for name, gain in overall.items()},
        by_category=dict(zip(keys, cells["shrunk"].astype(float), strict=True)),
    )


def _sampled(covers: pd.DataFrame) -> pd.DataFrame:
    """All drawings of the sampled items that have a default and at least one other."""
    counts = covers.groupby("item_id")["is_default"].agg(["size", "sum"])
    several = counts[(counts["size"] > 1) & (counts["sum"] == 1)].index
    defaults = covers[covers["is_default"] & covers["item_id"].isin(several)]
    chosen = defaults.sort_values("cover_id")["item_id"].head(SAMPLE_ITEMS)
    return covers[covers["item_id"].isin(chosen)].sort_values(["item_id", "cover_id"], ignore_index=True)


def _gain_of(
    drawings: pd.DataFrame,
    rows: NDArray[np.int64],
    vectors: CoverVectors,
    segment: SegmentProfile,
    scorer: SegmentScorer,
) -> pd.DataFrame:
    liking = pd.Series(vectors.styles[rows] @ segment.pref_style, index=drawings.index)
    preferred = liking.groupby(drawings["item_id"]).idxmax().to_numpy()
    default = drawings.index[drawings["is_default"]].to_numpy()  # items are in order in both
    chosen = np.concatenate([preferred, default])
    found = scorer.segment_click_probability(
        [segment.segment_id] * len(chosen),
        drawings["item_id"].iloc[chosen].tolist(),
        vectors.embeddings[rows[chosen]],
        vectors.styles[rows[chosen]],
    )
    gain = found[: len(preferred)] - found[len(preferred) :]
    return pd.DataFrame(
        {"segment_id": segment.segment_id, "category": drawings["category"].iloc[default].to_numpy(), "gain": gain}
    )
