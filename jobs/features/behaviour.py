"""The Spark plan of the behaviour tables: user_features, user_history, item_features and position_bias.

Two frames are shuffled and cached, whole events by user and counts by item; everything else reads them in
place (see docs/features.md for the physical plan).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from jobs.features import history, items, users
from jobs.features.estimators.beta import BetaPrior, Moments, fit_windows
from jobs.features.estimators.moments import SCHEMA, Sums, total
from jobs.features.estimators.position import PositionBias, from_adjacent, from_randomised
from jobs.features.log import Catalogue
from jobs.features.windows import LONGEST, day_text
from jobs.lake.arrays import Floats, Ints
from jobs.lake.schema.columns import WINDOWS
from jobs.lake.schema.features import ITEM_FEATURES, POSITION_BIAS, USER_FEATURES, USER_HISTORY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MIN_RANDOMISED_CLICKS = 100
"""Clicks under a random order below which position bias is estimated from all traffic."""

Task = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def mapped(frame: "DataFrame", task: Task, schema: pa.Schema) -> "DataFrame":
    """``frame`` with ``task`` run over the Arrow batches of each partition."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return frame.mapInArrow(task, from_arrow_schema(schema))


def collected(frame: "DataFrame", task: Task) -> Sums:
    """Moments of all tasks added up on the driver."""
    return total(row.asDict() for row in mapped(frame, task, SCHEMA).collect())


def priors_of(sums: Sums, days: Ints, extra: str) -> tuple[dict[int, list[BetaPrior]], list[BetaPrior]]:
    """Priors of each window, and of the moments called ``extra``, for every day in order.

    Where ``extra`` cannot tell spread from chance it takes the longest window's prior.
    """
    windows: dict[int, list[BetaPrior]] = {width: [] for width in WINDOWS}
    others = []
    for day in days.tolist():
        found = fit_windows({width: sums.get((day, str(width)), Moments()) for width in WINDOWS})
        for width, prior in found.items():
            windows[width].append(prior)
        # The longer of two windows lends its prior to the shorter one; `extra` counts as the shorter.
        pair = {LONGEST: sums.get((day, str(LONGEST)), Moments()), 0: sums.get((day, extra), Moments())}
        others.append(fit_windows(pair)[0])
    return windows, others


@dataclass(frozen=True)
class UserTables:
    """Lazy frames of the two user tables."""

    features: "DataFrame"
    history: "DataFrame"


def user_tables(events: "DataFrame", days: Ints, history_length: int, catalogue: Callable[[], Catalogue]) -> UserTables:
    """Frames of ``user_features`` and ``user_history`` for ``days``.

    Parameters
    ----------
    events
        As :func:`jobs.features.log.read_events` returns them.
    days
        (d,) feature days, ascending.
    history_length
        Most events of a history.
    catalogue
        Gives the broadcast catalogue.
    """
    narrow = events.select("user_id", "item_id", "day", "clicked")
    sums = collected(narrow, users.moments_of_users(days, catalogue))
    priors = users.UserPriors(*priors_of(sums, days, users.CATEGORY))
    wanted = events.select("user_id", "item_id", "cover_id", "day", "ts", "clicked")
    remembered = events.select("user_id", "day", *history.EVENT_FIELDS)
    return UserTables(
        features=mapped(wanted, users.user_features(days, priors, catalogue), USER_FEATURES.schema),
        history=mapped(remembered, history.user_history(days, history_length), USER_HISTORY.schema),
    )


def item_counts(events: "DataFrame", catalogue_items: "DataFrame") -> "DataFrame":
    """Counts by item, day and position, and one birth row an item; by item, sorted, cached.

    Returns
    -------
    DataFrame
        item_id, day, position, impressions, clicks, explored, explored_clicks, created_us. The birth row has
        day ``BIRTH_DAY`` and position 0, and alone a ``created_us``.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    clicked, exploring = F.col("clicked").cast("bigint"), F.col("exploring").cast("bigint")
    counts = events.groupBy("item_id", "day", "position").agg(
        F.count("*").alias("impressions"),
        F.sum(clicked).alias("clicks"),
        F.sum(exploring).alias("explored"),
        F.sum(clicked * exploring).alias("explored_clicks"),
    )
    births = catalogue_items.select(
        "item_id",
        F.lit(items.BIRTH_DAY).alias("day"),
        F.lit(0).alias("position"),
        *(F.lit(0).cast("bigint").alias(name) for name in ("impressions", "clicks", "explored", "explored_clicks")),
        F.unix_micros("created_at").alias("created_us"),
    )
    return (
        counts.unionByName(births, allowMissingColumns=True)
        .repartition("item_id")
        .sortWithinPartitions("item_id", "day", "position")
        .persist(StorageLevel.MEMORY_AND_DISK)
    )


def position_biases(counts: "DataFrame", days: Ints) -> list[PositionBias]:
    """Position bias of every feature day, from the longest window that ends with it.

    From the traffic whose order was random, where it has ``MIN_RANDOMISED_CLICKS``; else from
    neighbouring positions of the same items in all traffic.
    """
    from pyspark.sql import functions as F

    columns = ("impressions", "clicks", "explored", "explored_clicks")
    shown = counts.where(F.col("day") != items.BIRTH_DAY)
    daily = shown.groupBy("day", "position").agg(*(F.sum(name).alias(name) for name in columns)).collect()
    windows = [[row for row in daily if day - LONGEST < row["day"] <= day] for day in days.tolist()]
    totals = [_by_position([row.asDict() for row in rows], columns) for rows in windows]
    weak = np.array([by["explored_clicks"].sum() < MIN_RANDOMISED_CLICKS for by in totals])
    adjacent = _adjacent_sums(counts, days[weak], max(len(by["clicks"]) for by in totals)) if weak.any() else {}
    biases = []
    for day, by in zip(days.tolist(), totals, strict=True):
        if day in adjacent:
            biases.append(from_adjacent(adjacent[day][:, : len(by["clicks"]) - 1], by["impressions"]))
        else:
            biases.append(from_randomised(by["explored"], by["explored_clicks"]))
    return biases


def _by_position(rows: list[dict[str, int]], columns: Sequence[str]) -> dict[str, Ints]:
    size = max((row["position"] for row in rows), default=1)
    dense = {name: np.zeros(size, dtype=np.int64) for name in columns}
    for row in rows:
        for name in columns:
            dense[name][row["position"] - 1] += row[name]
    return dense


def _adjacent_sums(counts: "DataFrame", days: Ints, positions: int) -> dict[int, Floats]:
    found = {day: np.zeros((2, positions - 1)) for day in days.tolist()}
    task = items.adjacent_positions(days, positions)
    for row in mapped(counts, task, items.ADJACENT_SCHEMA).collect():
        found[row["day"]][:, row["position"] - 1] += (row["top"], row["bottom"])
    return found


def item_table(counts: "DataFrame", days: Ints, biases: Sequence[PositionBias]) -> "DataFrame":
    """Frame of ``item_features`` for ``days``."""
    sums = collected(counts, items.moments_of_items(days, biases))
    windows, examined = priors_of(sums, days, items.EXAMINED)
    return mapped(counts, items.item_features(days, items.ItemPriors(windows, examined, biases)), ITEM_FEATURES.schema)


def position_table(days: Ints, biases: Sequence[PositionBias]) -> pa.Table:
    """Rows of ``position_bias`` for ``days``."""
    rows = [
        {"ds": day_text(day), "position": place + 1, "examination": float(level), "impressions": int(shown)}
        for day, bias in zip(days.tolist(), biases, strict=True)
        for place, (level, shown) in enumerate(zip(bias.examination, bias.impressions, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=POSITION_BIAS.schema)
