r"""Where the lift is: the headline metric by user, item, place and category, one slice beside the other.

A slice takes some of the clicks, each ranked within its **whole** request:

.. math:: m_s = \frac{\sum_{i \in s} g_i / \log_2(r_i + 1)}{\sum_{i \in s} g_i}, \qquad g_i = c_i / e_{k_i}

with :math:`r_i` the rank that the arm gives impression i, :math:`c_i` its click and :math:`e_{k_i}` the examination of
the place where it was shown. The metric over all impressions is the mean of those of the slices of one dimension,
weighted by their gains; so slices add up, and where one rises because another of the same requests sinks, both are
seen. (The slices of ``ranking_lift`` rank what is left of each request instead.)

Dimensions and their rules:

- ``user``: :data:`COLD` has fewer than :data:`COLD_CLICKS` clicks in the 28 days up to the cut, or was not seen;
- ``item age``: :data:`LAUNCHING` was shown to nobody up to ds; others by whole days from ``created_at`` to the day of
  the impression;
- ``position``: where the feed showed it;
- ``category``: the :data:`MOST_CATEGORIES` with most impressions, and the others together;
- ``segment``: the segment that its user is in.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from jobs.lake.arrays import Floats
from recsys_eval.arm_names import A_A, GENERATED, ORIGINAL, SHUFFLED
from recsys_eval.metrics.ranking import discounts
from recsys_eval.ranking.arm_metrics import MIN_SLICE_USERS, WEIGHTED, ArmRatios, Resampling, resampled_arms
from recsys_eval.ranking.arms import Block
from recsys_eval.ranking.examination import effective_size
from recsys_eval.ranking.features import ImpressionFeatures
from recsys_eval.statistics.lift import normal_p
from recsys_eval.statistics.multiple import holm

COLD, WARM, LAUNCHING, OTHER = "cold users", "warm users", "launching items", "other categories"
COLD_CLICKS = 5
"""Clicks of 28 days from which on a user is warm."""
AGES = ((7, "items of up to 7 days"), (30, "items of 8 to 30 days"), (90, "items of 31 to 90 days"))
"""Last day of an age, and its name."""
OLDER = "items of more than 90 days"
PLACES = ((1, "place 1"), (3, "places 2 to 3"), (6, "places 4 to 6"), (10, "places 7 to 10"))
"""Last place, and its name."""
BELOW = "places below 10"
MOST_CATEGORIES = 12
ARMS = (GENERATED, SHUFFLED, A_A)
"""The covers, and the controls that a slice's lift is read beside."""


def dimensions_of(
    impressions: ImpressionFeatures, segments: pl.DataFrame, *, cut: date, new_items: Collection[str]
) -> dict[str, pl.Series]:
    """Dimension to the (n,) name of each impression's slice; null: in none.

    Parameters
    ----------
    impressions
        Of the test days, and others.
    segments
        user_id, segment_id.
    cut
        The day up to whose end clicks decide who is cold.
    new_items
        Items that launch.
    """
    frame, lake = impressions.frame, impressions.sources.lake
    clicks = pl.DataFrame(lake.read("user_features", ds=cut, columns=["user_id", "clicks_28d"]))
    created = pl.DataFrame(lake.read("items", columns=["item_id", "created_at"]))
    known = (
        frame.select("user_id", "item_id", "category", "position", pl.col("ds").str.to_date().alias("day"))
        .join(clicks, on="user_id", how="left", maintain_order="left")
        .join(segments, on="user_id", how="left", maintain_order="left")
        .join(created, on="item_id", how="left", maintain_order="left")
        .with_columns(age=(pl.col("day") - pl.col("created_at").dt.date()).dt.total_days())
    )
    launching = known["item_id"].is_in(list(new_items))
    return {
        "user": known.select(
            pl.when(pl.col("clicks_28d").fill_null(0) < COLD_CLICKS).then(pl.lit(COLD)).otherwise(pl.lit(WARM))
        ).to_series(),
        "item age": known.select(
            pl.when(launching).then(pl.lit(LAUNCHING)).otherwise(_stepped("age", AGES, OLDER))
        ).to_series(),
        "position": known.select(_stepped("position", PLACES, BELOW)).to_series(),
        "category": _largest(known["category"]),
        "segment": known.select("segment " + pl.col("segment_id")).to_series(),
    }


def _stepped(column: str, steps: Sequence[tuple[int, str]], beyond: str) -> pl.Expr:
    """Name of the first step that is not below a column's value; null stays null."""
    value = pl.col(column)
    named: pl.Expr = pl.when(value.is_not_null()).then(pl.lit(beyond))
    for last, name in reversed(steps):
        named = pl.when(value <= last).then(pl.lit(name)).otherwise(named)
    return named


def _largest(category: pl.Series) -> pl.Series:
    """The categories with most impressions by name, the rest as :data:`OTHER`."""
    counts = category.drop_nulls().value_counts().sort(["count", category.name], descending=[True, False])
    kept = counts[category.name].head(MOST_CATEGORIES)
    return (
        category.to_frame()
        .select(
            pl.when(pl.col(category.name).is_in(kept.to_list()))
            .then("category " + pl.col(category.name))
            .when(pl.col(category.name).is_not_null())
            .then(pl.lit(OTHER))
        )
        .to_series()
    )


def slice_lifts(
    ranker: str,
    test: Block,
    scores: Mapping[str, Floats],
    dimensions: Mapping[str, pl.Series],
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """The weighted NDCG@10 of every slice and its lift over ``original``, for the covers and their controls.

    Users and seeds are resampled as in :func:`recsys_eval.ranking.arm_metrics.compare_arms`, alike for all slices of a
    dimension. ``p`` is by the normal approximation (:func:`recsys_eval.statistics.lift.normal_p`); ``p_holm`` holds
    for all slices of all dimensions of one arm together.

    Parameters
    ----------
    ranker
        Name in the results.
    test
        The impressions.
    scores
        Arm to (n_seeds, n_test) scores.
    dimensions
        As :func:`dimensions_of`, of the test impressions.
    resampling
        Number of resamples and seed.

    Returns
    -------
    list
        A row per dimension x slice x arm, as :class:`recsys_eval.document.SliceRecord`. A slice in which fewer than
        50 users clicked is left out.
    """
    kept = {arm: values for arm, values in scores.items() if arm in (ORIGINAL, *ARMS)}
    ranked = [discounts(test.request, values, k=10) for arm in kept.values() for values in arm]
    rows: list[dict[str, Any]] = []
    for dimension, labels in dimensions.items():
        rows += _of_dimension(dimension, test, ranked, kept, labels, resampling)
    for arm in ARMS:
        of_arm = [row for row in rows if row["arm"] == arm]
        for row, p in zip(of_arm, holm([row["p"] for row in of_arm]), strict=True):
            row["p_holm"] = p
    return [{"ranker": ranker, **row} for row in rows]


def _of_dimension(
    dimension: str,
    test: Block,
    ranked: Sequence[Floats],
    scores: Mapping[str, Floats],
    labels: pl.Series,
    resampling: Resampling,
) -> list[dict[str, Any]]:
    clicked = test.clicked & labels.is_not_null().to_numpy()
    users, user = np.unique(test.user[clicked], return_inverse=True)
    names, place = np.unique(labels.filter(clicked).to_numpy().astype(str), return_inverse=True)
    gain, cell, size = test.weight[clicked], user * len(names) + place, len(users) * len(names)

    def by_user(values: Floats) -> Floats:
        return np.bincount(cell, weights=values, minlength=size).astype(np.float64).reshape(len(users), len(names))

    total = by_user(gain)
    enough = np.flatnonzero((total > 0).sum(axis=0) >= MIN_SLICE_USERS)
    if not enough.size:
        return []
    numerator = np.concatenate([by_user(gain * each[clicked])[:, enough] for each in ranked], axis=1)
    denominator = np.tile(total[:, enough], (1, len(ranked)))
    found = resampled_arms((numerator, denominator), scores, [str(names[each]) for each in enough], resampling)
    return [
        {"dimension": dimension, **_row(found, arm, str(names[each]), gain[place == each])}
        for each in enough
        for arm in ARMS
        if arm in scores
    ]


def _row(found: ArmRatios, arm: str, name: str, weights: Floats) -> dict[str, Any]:
    lift = found.lift(arm, name)
    return {
        "slice": name,
        "arm": arm,
        "metric": WEIGHTED,
        "users": found.users[name],
        "clicks": len(weights),
        "effective_clicks": effective_size(weights),
        "value": found.value(arm, name).value,
        "lift": lift.value,
        "low": lift.low,
        "high": lift.high,
        "p": normal_p(lift),
        "detectable": lift.detectable,
    }
