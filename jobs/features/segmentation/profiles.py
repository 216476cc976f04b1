"""What a segment is like, in users, covers and categories: for people to look at, and for prompts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.features.log import Catalogue
from jobs.features.segmentation.segments import NEW, Centroid
from jobs.features.windows import LONGEST
from jobs.lake.arrays import Floats
from jobs.lake.schema.features import SEGMENTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

POOL = 1000
"""Covers of a segment, most clicked first, among which the nearest to its centroid are looked for."""
TOP_CATEGORIES = 3
CATEGORY_STRENGTH = 50.0
"""Pseudo-clicks with which a segment's share of a category is drawn to everybody's."""


@dataclass(frozen=True)
class Exemplars:
    """What stands for one segment."""

    users: list[str]
    covers: list[str]
    categories: list[str]


def nearest_users(members: "DataFrame", count: int) -> dict[str, list[str]]:
    """Users of each segment nearest to its centre, nearest first; none for ``new``.

    Parameters
    ----------
    members
        user_id, segment_id, distance.
    count
        Most users of a segment.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = Window.partitionBy("segment_id").orderBy("distance", "user_id")
    ranked = members.where(F.col("segment_id") != NEW).withColumn("place", F.row_number().over(order))
    found = ranked.where(F.col("place") <= count).toPandas().sort_values(["segment_id", "place"])
    return {str(name): rows["user_id"].tolist() for name, rows in found.groupby("segment_id")}


def segment_clicks(events: "DataFrame", members: "DataFrame", day: int) -> "DataFrame":
    """Clicks by segment, item and cover within the longest window that ends with ``day``."""
    from pyspark.sql import functions as F

    window = events.where(F.col("clicked") & (F.col("day") > day - LONGEST) & (F.col("day") <= day))
    joined = window.select("user_id", "item_id", "cover_id").join(members.select("user_id", "segment_id"), "user_id")
    return joined.groupBy("segment_id", "item_id", "cover_id").agg(F.count("*").alias("clicks"))


def most_clicked(clicks: "DataFrame", count: int = POOL) -> pd.DataFrame:
    """The ``count`` most clicked covers of each segment; segment_id, item_id, cover_id, clicks."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = Window.partitionBy("segment_id").orderBy(F.desc("clicks"), "cover_id", "item_id")
    ranked = clicks.withColumn("place", F.row_number().over(order)).where(F.col("place") <= count)
    found: pd.DataFrame = ranked.drop("place").toPandas()
    return found


def nearest_covers(pool: pd.DataFrame, vectors: Floats, centroid: Floats, count: int) -> list[str]:
    """Covers of distinct items that point most where the centroid points, most clicked first.

    Parameters
    ----------
    pool
        One segment's item_id, cover_id and clicks.
    vectors
        (n, dim) of the pool's covers, NaN where one has none.
    centroid
        (dim,) the segment's mean preference.
    count
        Most covers.
    """
    length = np.linalg.norm(vectors, axis=1) * np.linalg.norm(centroid)
    cosine = np.divide(vectors @ centroid, length, out=np.full(len(pool), np.nan), where=length > 0)
    ranked = pool.assign(cosine=cosine).dropna(subset=["cosine"])
    ranked = ranked.sort_values(["cosine", "clicks", "cover_id"], ascending=[False, False, True])
    chosen = ranked.drop_duplicates("item_id").head(count)
    ordered = chosen.sort_values(["clicks", "cosine", "cover_id"], ascending=[False, False, True])
    return [str(cover) for cover in ordered["cover_id"]]


def top_categories(clicks: pd.DataFrame) -> dict[str, list[str]]:
    r"""Categories that a segment clicks more than everybody does, most over-represented first.

    By the smoothed lift :math:`\frac{(c_{sk} + m q_k) / (c_s + m)}{q_k}` with the overall share :math:`q_k` and
    :math:`m` = ``CATEGORY_STRENGTH`` pseudo-clicks.

    Parameters
    ----------
    clicks
        segment_id, category, clicks.

    Examples
    --------
    >>> rows = [("s0", "food", 30), ("s0", "pets", 10), ("s1", "food", 10), ("s1", "pets", 30)]
    >>> top_categories(pd.DataFrame(rows, columns=["segment_id", "category", "clicks"]))
    {'s0': ['food', 'pets'], 's1': ['pets', 'food']}
    """
    table = clicks.pivot_table(index="segment_id", columns="category", values="clicks", aggfunc="sum", fill_value=0)
    share = table.sum(axis=0) / table.to_numpy().sum()
    drawn = (table + CATEGORY_STRENGTH * share).div(table.sum(axis=1) + CATEGORY_STRENGTH, axis=0)
    lift = drawn / share
    return {
        str(name): [
            str(category) for category in row.sort_values(ascending=False, kind="stable").index[:TOP_CATEGORIES]
        ]
        for name, row in lift.iterrows()
    }


def exemplars(
    events: "DataFrame",
    members: "DataFrame",
    items: "DataFrame",
    day: int,
    catalogue: Catalogue,
    centres: Mapping[str, Centroid],
    count: int,
) -> dict[str, Exemplars]:
    """What stands for each segment of ``centres``.

    Parameters
    ----------
    events
        The cached log, see :func:`jobs.features.log.read_events`.
    members
        Rows of ``user_segments`` of the day.
    items
        item_id and category.
    day
        Day number.
    catalogue
        Embeddings of covers.
    centres
        Segment -> centroid.
    count
        Most users and most covers of a segment.
    """
    from pyspark.sql import functions as F

    clicks = segment_clicks(events, members, day).persist()
    people = nearest_users(members, count)
    pools = dict(list(most_clicked(clicks).groupby("segment_id")))
    by_category = clicks.join(items, "item_id").groupBy("segment_id", "category").agg(F.sum("clicks").alias("clicks"))
    categories = top_categories(by_category.toPandas().sort_values(["segment_id", "category"]))
    clicks.unpersist()
    found = {}
    for name, centre in centres.items():
        pool = pools.get(name, pd.DataFrame({"item_id": [], "cover_id": [], "clicks": []}))
        direction = np.concatenate([centre.embedding, centre.style])
        covers = nearest_covers(pool, catalogue.vectors_of(pa.chunked_array([pool["cover_id"]])), direction, count)
        found[name] = Exemplars(people.get(name, []), covers, categories.get(name, []))
    return found


def segment_table(day: str, centres: Mapping[str, Centroid], stand_ins: Mapping[str, Exemplars]) -> pa.Table:
    """Rows of ``segments``."""
    rows = [
        {
            "ds": day,
            "segment_id": name,
            "size": centre.size,
            "pref_embedding": centre.embedding.astype(np.float32),
            "pref_style": centre.style.astype(np.float32),
            "exemplar_users": stand_ins[name].users,
            "exemplar_covers": stand_ins[name].covers,
            "top_categories": stand_ins[name].categories,
        }
        for name, centre in centres.items()
    ]
    return pa.Table.from_pylist(rows, schema=SEGMENTS.schema)
