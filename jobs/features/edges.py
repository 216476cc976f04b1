"""Who was shown and clicked what, as edges of a graph: one for covers, one for the words shown.

What a person clicks is earned by position and item as much as by looks. So an edge holds, beside its clicks, those that
were to be expected of them: the examination of each position times the item's click-through rate at position 1.
"""

from datetime import date
from typing import TYPE_CHECKING

from jobs.features.windows import LONGEST, day_number, day_text
from jobs.lake.arrays import Floats

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

VISUAL, WORDS = "visual", "words"
"""What the nodes of a graph are: covers, or the words shown."""
DECIMALS = 9
"""Sums are rounded, so that the order of rows does not show in them."""


def interaction_edges(
    log: "DataFrame", items: "DataFrame", rates: "DataFrame", examination: Floats, day: str
) -> "DataFrame":
    """Rows of ``interaction_edges`` of a day, without ``ds``.

    Parameters
    ----------
    log
        Rows of ``impressions``.
    items
        Rows of ``items``: their titles stand where an impression has none of its own.
    rates
        ``item_id`` and ``ctr_debiased`` of the day's ``item_features``.
    examination
        By position, from 1; positions below the last are examined like it.
    day
        YYYY-MM-DD. Events of the window that ends with it are counted, and nothing after it.
    """
    from pyspark.sql import functions as F

    first = day_text(day_number(date.fromisoformat(day)) - LONGEST + 1)
    looked_at = F.array(*(F.lit(float(level)) for level in examination))
    place = F.least(F.col("position"), F.lit(len(examination)))
    shown = (
        log.where(F.col("ds").between(first, day))
        .join(F.broadcast(items.select("item_id", F.col("title").alias("item_title"))), "item_id")
        .join(F.broadcast(rates.select("item_id", "ctr_debiased")), "item_id")
        .withColumn("looked", F.element_at(looked_at, place))
        .withColumn("expected", F.col("looked") * F.col("ctr_debiased"))
    )
    return _edges(shown, VISUAL, F.col("cover_id")).unionByName(
        _edges(shown, WORDS, F.sha2(F.coalesce("title", "item_title"), 256))
    )


def _edges(shown: "DataFrame", modality: str, node: "Column") -> "DataFrame":
    from pyspark.sql import functions as F

    return (
        shown.select("user_id", node.alias("node"), "clicked", "looked", "expected", "ts")
        .groupBy("user_id", "node")
        .agg(
            F.count("*").alias("impressions"),
            F.sum(F.col("clicked").cast("bigint")).alias("clicks"),
            F.round(F.sum("looked"), DECIMALS).alias("examination"),
            F.round(F.sum("expected"), DECIMALS).alias("expected_clicks"),
            F.max("ts").alias("last_ts"),
        )
        .withColumn("modality", F.lit(modality))
    )
