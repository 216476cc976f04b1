"""The one scan of the log that all behaviour features are built from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from conf.errors import ContractError, UsageError
from jobs.features.windows import Vectors, scan_days
from jobs.lake.arrays import Floats, Ints, matrix
from jobs.lake.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Catalogue:
    """What the executors must know about covers and items; broadcast to them once."""

    covers: pd.Index
    """(n_covers,) cover ids that have an embedding."""
    embeddings: Vectors
    """(n_covers, embed_dim) float32."""
    styles: Vectors
    """(n_covers, style_dim) float32."""
    items: pd.Index
    """(n_items,) item ids."""
    item_category: Ints
    """(n_items,) place of each item's category in ``categories``."""
    categories: tuple[str, ...]
    """Names of the categories, sorted."""

    def vectors_of(self, cover_ids: pa.ChunkedArray) -> Floats:
        """(n, embed_dim + style_dim) float64 of the covers, NaN where one has no embedding."""
        places = self.covers.get_indexer(cover_ids.to_pandas())
        found = np.full((len(places), self.embeddings.shape[1] + self.styles.shape[1]), np.nan)
        known = places >= 0
        found[known, : self.embeddings.shape[1]] = self.embeddings[places[known]]
        found[known, self.embeddings.shape[1] :] = self.styles[places[known]]
        return found

    def categories_of(self, item_ids: pa.ChunkedArray) -> Ints:
        """(n,) place of each item's category, -1 where the item is not known."""
        places = self.items.get_indexer(item_ids.to_pandas())
        return np.where(places >= 0, self.item_category[places], -1)


def read_catalogue(lake: Lake, encoder_id: str | None) -> Catalogue:
    """The covers' embeddings and the items' categories.

    Parameters
    ----------
    lake
        Where ``cover_features`` and ``items`` are.
    encoder_id
        Whose embeddings; None where only one encoder has any.

    Raises
    ------
    UsageError
        When several encoders have embeddings and none is named, or the named one has none.
    """
    encoders = sorted(lake.read("cover_features", columns=["encoder_id"])["encoder_id"].unique().to_pylist())
    if encoder_id is None and len(encoders) != 1:
        raise UsageError(
            f"cover_features holds embeddings of {len(encoders)} encoders ({', '.join(encoders) or 'none'}); "
            "name one with `-o features.encoder_id=...`, or run `coverlift encode` first"
        )
    if encoder_id is not None and encoder_id not in encoders:
        raise UsageError(
            f"features.encoder_id is {encoder_id!r}, but cover_features has {encoders}: run `coverlift encode`"
        )
    mine = lake.read("cover_features", filters=[("encoder_id", "=", encoder_id or encoders[0])])
    items = lake.read("items", columns=["item_id", "category"])
    categories, codes = np.unique(items["category"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return Catalogue(
        covers=pd.Index(mine["cover_id"].to_pandas()),
        embeddings=matrix(mine["embedding"]),
        styles=matrix(mine["style"]),
        items=pd.Index(items["item_id"].to_pandas()),
        item_category=codes.astype(np.int64),
        categories=tuple(str(name) for name in categories),
    )


def read_events(lake: Lake, feature_days: Sequence[date], exploring: Sequence[str]) -> "DataFrame":
    """Impressions of every window of ``feature_days``, partitioned by user and sorted by time, cached.

    This is the only read of the log and the only shuffle of whole events: what follows reads the cache. The
    caller unpersists it.

    Parameters
    ----------
    lake
        Where ``impressions`` is.
    feature_days
        Days that features are built for.
    exploring
        Values of ``policy`` under which the order of a request is random.

    Returns
    -------
    DataFrame
        One row per impression: user_id, item_id, cover_id, day (int, since 1970-01-01), ts, position, clicked,
        exploring. Within a partition rows of a user lie together, oldest first; impressions of one moment in
        the order of their positions.

    Raises
    ------
    ContractError
        When the last of the days has no impressions at all.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    last = max(feature_days)
    if last.isoformat() not in lake.partitions("impressions"):
        raise ContractError(
            f"impressions has no rows of {last}: features of {last} would miss their newest day. "
            f"Run `coverlift ingest --ds {last}`, or choose a ds that the log covers."
        )
    policy = F.coalesce(F.col("policy"), F.lit(""))
    log = lake.frame("impressions", ds=scan_days(feature_days)).select(
        "user_id",
        "item_id",
        "cover_id",
        F.unix_date(F.to_date("ds")).alias("day"),
        "ts",
        "position",
        "clicked",
        policy.isin(list(exploring)).alias("exploring"),
        "impression_id",
    )
    return (
        log.repartition("user_id")
        .sortWithinPartitions("user_id", "day", "ts", "position", "impression_id")
        .drop("impression_id")
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
