"""The stage ``features``: what the night knows about users, items, positions and segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from jobs.features import behaviour
from jobs.features.edges import interaction_edges
from jobs.features.log import Catalogue, read_catalogue, read_events
from jobs.features.segmentation import profiles, prototypes, segments
from jobs.features.windows import day_number, scan_days
from jobs.lake.arrays import Ints
from jobs.lake.context import Context, StageResult
from jobs.lake.examination import read_examination

if TYPE_CHECKING:
    from pyspark.broadcast import Broadcast
    from pyspark.sql import DataFrame

PARTS = ("log", "user_features", "user_history", "item_features", "segments")
"""What the progress callback counts."""

BEHAVIOUR = ("user_features", "user_history", "item_features", "position_bias")
"""Tables with a row set per feature day; a day is built again unless all of them have it."""


@dataclass(frozen=True)
class Sent:
    """Gives the broadcast catalogue in an executor (a lambda would drag this module's globals along)."""

    value: "Broadcast[Catalogue]"

    def __call__(self) -> Catalogue:
        """The catalogue."""
        catalogue: Catalogue = self.value.value
        return catalogue


def feature_days(ctx: Context) -> list[date]:
    """Days whose features are built: those missing that label days need, and always ds.

    A label of day d uses features of d - 1, and labels begin ``label_days`` before the cut: hence
    ds - test_days - label_days .. ds. Days whose windows hold no log at all are left out.
    """
    reward = ctx.settings.reward
    back = reward.test_days + reward.label_days
    have = set.intersection(*(ctx.lake.partitions(table) for table in BEHAVIOUR))
    log = ctx.lake.partitions("impressions")
    wanted = [ctx.ds - timedelta(days=days) for days in range(back, -1, -1)]
    missing = [day for day in wanted if day == ctx.ds or day.isoformat() not in have]
    return [day for day in missing if log & {seen.isoformat() for seen in scan_days([day])}]


def segment_days(ctx: Context) -> list[date]:
    """Days whose segments are built: the cut, when it has none yet and there is a log behind it, and ds."""
    have = ctx.lake.partitions("segments")
    if ctx.settings.features.segment_history:
        have &= ctx.lake.partitions("segment_history")
    if ctx.settings.features.interaction_edges:
        have &= ctx.lake.partitions("interaction_edges")
    log = ctx.lake.partitions("impressions")
    cut = [ctx.cut] if ctx.cut.isoformat() not in have else []
    return [day for day in [*cut, ctx.ds] if log & {seen.isoformat() for seen in scan_days([day])}]


def run(ctx: Context) -> StageResult:
    """Build all behaviour tables of the night from one scan of the log.

    Each table is replaced in one transaction. Run twice it leaves the same rows.

    Raises
    ------
    ContractError
        When the log has no rows of ds.
    UsageError
        When covers have no embeddings yet, or those of several encoders.
    """
    settings, lake, spark = ctx.settings.features, ctx.lake, ctx.spark
    days, segmented = feature_days(ctx), segment_days(ctx)
    catalogue = read_catalogue(lake, settings.encoder_id)
    events = read_events(lake, sorted({*days, *segmented, ctx.ds}), settings.exploring_policies)
    sent = spark.sparkContext.broadcast(catalogue)
    ctx.progress(0, len(PARTS), PARTS[0])
    try:
        result = StageResult()
        write_behaviour(ctx, events, days, Sent(sent), result)
        for day in segmented:
            write_segments(ctx, events, day, catalogue, result)
            if settings.segment_history:
                write_segment_history(ctx, events, day, Sent(sent), result)
            if settings.interaction_edges:
                write_interaction_edges(ctx, day, result)
        ctx.progress(len(PARTS), len(PARTS), PARTS[-1])
    finally:
        events.unpersist()
        sent.destroy()
    result.note = (
        f"{len(days)} days of features for {result.rows['user_features']:,} user-days; "
        f"{int(result.metrics['segments'])} segments with a taste on {ctx.ds}"
    )
    return result


def write_behaviour(ctx: Context, events: "DataFrame", days: Sequence[date], sent: Sent, result: StageResult) -> None:
    """Write user_features, user_history, item_features and position_bias of ``days``."""
    lake = ctx.lake
    numbers: Ints = np.array([day_number(day) for day in days], dtype=np.int64)
    tables = behaviour.user_tables(events, numbers, ctx.settings.features.history_length, sent)
    ctx.progress(1, len(PARTS), PARTS[1])
    result.rows["user_features"] = lake.replace(tables.features, "user_features", ds=days)
    ctx.progress(2, len(PARTS), PARTS[2])
    result.rows["user_history"] = lake.replace(tables.history, "user_history", ds=days)
    ctx.progress(3, len(PARTS), PARTS[3])
    counts = behaviour.item_counts(events, lake.frame("items"))
    biases = behaviour.position_biases(counts, numbers)
    result.rows["item_features"] = lake.replace(behaviour.item_table(counts, numbers, biases), "item_features", ds=days)
    result.rows["position_bias"] = lake.replace(behaviour.position_table(numbers, biases), "position_bias", ds=days)
    counts.unpersist()
    result.metrics["examination_last"] = float(biases[-1].examination[-1])


def write_segments(ctx: Context, events: "DataFrame", day: date, catalogue: Catalogue, result: StageResult) -> None:
    """Write user_segments and segments of ``day``."""
    lake, settings = ctx.lake, ctx.settings.features
    users = segments.narrow(lake.frame("user_features", ds=day)).persist()
    segmentation = segments.fit_segments(users, settings)
    members = segments.assigned(users, segmentation)
    rows = lake.replace(members, "user_segments", ds=day)
    centres = segments.centroids(users, segmentation)
    users.unpersist()
    stand_ins = profiles.exemplars(
        events,
        lake.frame("user_segments", ds=day),
        lake.frame("items").select("item_id", "category"),
        day_number(day),
        catalogue,
        centres,
        settings.exemplars,
    )
    table = profiles.segment_table(day.isoformat(), centres, stand_ins)
    result.rows["segments"] = result.rows.get("segments", 0) + lake.replace(table, "segments", ds=day)
    result.rows["user_segments"] = result.rows.get("user_segments", 0) + rows
    if day == ctx.ds:
        result.metrics["segments"] = float(len(segmentation.ids))
        result.metrics["segment_stability"] = segmentation.stability.get(len(segmentation.clusters.centres), 1.0)


def write_segment_history(ctx: Context, events: "DataFrame", day: date, sent: Sent, result: StageResult) -> None:
    """Write segment_history of ``day``, whose user_segments and position_bias are there."""
    lake = ctx.lake
    found = prototypes.segment_history(
        events,
        lake.frame("user_segments", ds=day),
        day_number(day),
        read_examination(lake, day),
        sent,
        ctx.settings.features.seed,
    )
    rows = lake.replace(prototypes.history_table(day.isoformat(), found), "segment_history", ds=day)
    result.rows["segment_history"] = result.rows.get("segment_history", 0) + rows


def write_interaction_edges(ctx: Context, day: date, result: StageResult) -> None:
    """Write interaction_edges of ``day``, whose position_bias and item_features are there."""
    lake = ctx.lake
    known = lake.partitions("impressions")
    edges = interaction_edges(
        lake.frame("impressions", ds=[each for each in scan_days([day]) if each.isoformat() in known]),
        lake.frame("items"),
        lake.frame("item_features", ds=day),
        read_examination(lake, day),
        day.isoformat(),
    )
    rows = lake.replace(edges, "interaction_edges", ds=day)
    result.rows["interaction_edges"] = result.rows.get("interaction_edges", 0) + rows
