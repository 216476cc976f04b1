"""What a segment was shown and clicked, as a few prototypes: a history that is nobody's in particular.

Of all that a segment's users clicked within the window, and apart from that of all they skipped, spherical k-means
(Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", Machine Learning 2001) over
the covers' vectors keeps the centres. An event counts as much as its position is looked at. **Privacy**: a prototype
stands for the events of at least ``LEAST_USERS`` users; one of fewer is merged into its nearest, and where fewer users
clicked (or skipped) anything at all, there is none. No single event of anybody leaves the segment.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from sklearn.cluster import kmeans_plusplus

from jobs.features.behaviour import mapped
from jobs.features.chunks import key_offsets, whole_keys
from jobs.features.log import Catalogue
from jobs.features.windows import HOUR_US, LONGEST, end_of_day_us
from jobs.lake.arrays import Floats, Ints
from jobs.lake.schema.features import SEGMENT_HISTORY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CLICKED, SKIPPED = 32, 16
"""Prototypes of a segment, at most."""
LEAST_USERS = 5
"""Distinct users behind a prototype."""
MOST_USERS = 20_000
"""Users of a segment whose events are looked at, chosen by a hash of their id."""
ROUNDS = 25
"""Of k-means."""

FOUND = pa.schema(
    [
        ("segment_id", pa.string()),
        ("vector", pa.list_(pa.float32())),
        ("clicked", pa.bool_()),
        ("age_hours", pa.float64()),
        ("examination", pa.float64()),
        ("weight", pa.float64()),
        ("users", pa.int64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Events of one kind of one segment, all arrays (N,) or (N, dim)."""

    vectors: Floats
    """Of the covers, none of them missing."""
    user: Ints
    age_hours: Floats
    examination: Floats


@dataclass(frozen=True, kw_only=True)
class Prototype:
    """The centre of a group of events."""

    vector: Floats
    """(dim,) weighted mean; each part is scaled to unit length when it is written."""
    age_hours: float
    examination: float
    weight: float
    """Share of the events of its kind, by examination."""
    users: int


def unit(rows: Floats) -> Floats:
    """Rows scaled to unit length; zeros stay.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12), np.float64)


def spherical(points: Floats, weight: Floats, number: int, seed: int) -> Ints:
    """(N,) cluster of each point by spherical k-means.

    Parameters
    ----------
    points
        (N, dim) of unit length.
    weight
        (N,) how much each counts.
    number
        Clusters, at most N.
    seed
        Of the first centres (k-means++).
    """
    centres, _ = kmeans_plusplus(points, number, sample_weight=weight, random_state=seed)
    cluster = np.zeros(len(points), np.int64)
    for turn in range(ROUNDS):
        nearest = (points @ unit(centres).T).argmax(axis=1)
        if turn and (nearest == cluster).all():
            break
        cluster = nearest
        sums = np.zeros_like(centres)
        np.add.at(sums, cluster, points * weight[:, None])
        kept = np.linalg.norm(sums, axis=1) > 0
        centres = np.where(kept[:, None], sums, centres)
    return cluster


def merged(vectors: Floats, cluster: Ints, weight: Floats, user: Ints, least: int) -> Ints:
    """Clusters after those of fewer than ``least`` users went to their nearest, the smallest first.

    Returns
    -------
    ndarray
        (N,) clusters from 0; all -1 where even all events together are of too few users.
    """
    cluster = np.unique(cluster, return_inverse=True)[1].astype(np.int64)
    while True:
        names = np.unique(cluster)
        users = np.array([len(np.unique(user[cluster == name])) for name in names])
        if users.min() >= least:
            return np.unique(cluster, return_inverse=True)[1].astype(np.int64)
        if len(names) == 1:
            return np.full(len(cluster), -1, np.int64)
        means = np.stack([np.average(vectors[cluster == n], axis=0, weights=weight[cluster == n]) for n in names])
        small = int(users.argmin())
        cosine = unit(means) @ unit(means)[small]
        cosine[small] = -np.inf
        cluster = np.where(cluster == names[small], names[int(cosine.argmax())], cluster)


def prototypes(shown: Shown, number: int, seed: int, least: int = LEAST_USERS) -> list[Prototype]:
    """Prototypes of events, the heaviest first; none where fewer than ``least`` users are behind all of them.

    Parameters
    ----------
    shown
        Events of one kind.
    number
        Prototypes, at most.
    seed
        Of k-means.
    least
        Distinct users of each.
    """
    if not len(shown.user):
        return []
    weight = np.maximum(shown.examination, 1e-6)
    distinct = len(np.unique(shown.vectors.round(6), axis=0))
    cluster = spherical(unit(shown.vectors), weight, min(number, distinct), seed)
    cluster = merged(shown.vectors, cluster, weight, shown.user, least)
    found = []
    for name in np.unique(cluster[cluster >= 0]):
        rows = cluster == name
        share = weight[rows]
        found.append(
            Prototype(
                vector=np.average(shown.vectors[rows], axis=0, weights=share),
                age_hours=float(np.average(shown.age_hours[rows], weights=share)),
                examination=float(shown.examination[rows].mean()),
                weight=float(share.sum() / weight.sum()),
                users=len(np.unique(shown.user[rows])),
            )
        )
    return sorted(found, key=lambda each: -each.weight)


def prototypes_of(
    day: int, examination: Floats, catalogue: Callable[[], Catalogue], seed: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Task that turns events by segment and kind into rows of ``FOUND``.

    Parameters
    ----------
    day
        Day number: events come from the window that ends with it.
    examination
        By position, from 1.
    catalogue
        Gives the broadcast one.
    seed
        Of k-means.
    """

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for chunk in whole_keys(batches, "key"):
            offsets = key_offsets(chunk["key"]).tolist()
            for first, end in pairwise(offsets):
                yield of_one_kind(chunk.slice(first, end - first), day, examination, catalogue(), seed)

    return task


def of_one_kind(events: pa.Table, day: int, examination: Floats, catalogue: Catalogue, seed: int) -> pa.RecordBatch:
    """Rows of ``FOUND`` of one segment's clicked, or skipped, events; arguments as in :func:`prototypes_of`."""
    vectors = catalogue.vectors_of(events["cover_id"])
    seen = ~np.isnan(vectors).any(axis=1)
    place = np.minimum(events["position"].to_numpy(), len(examination)) - 1
    age = (end_of_day_us(day) - events["ts"].cast(pa.int64()).to_numpy()) / HOUR_US
    users = np.unique(events["user_id"].to_numpy().astype(str), return_inverse=True)[1]
    shown = Shown(
        vectors=vectors[seen],
        user=users.astype(np.int64)[seen],
        age_hours=age[seen],
        examination=examination[place][seen],
    )
    clicked = bool(events["clicked"][0].as_py())
    found = prototypes(shown, CLICKED if clicked else SKIPPED, seed)
    split = catalogue.embeddings.shape[1]
    return as_batch(str(events["segment_id"][0]), clicked, [two_parts(each, split) for each in found])


def two_parts(prototype: Prototype, split: int) -> Prototype:
    """With both parts of its vector, before and from ``split``, at unit length, as those of a cover are."""
    parts = (unit(prototype.vector[:split]), unit(prototype.vector[split:]))
    return replace(prototype, vector=np.concatenate(parts))


def as_batch(segment: str, clicked: bool, found: list[Prototype]) -> pa.RecordBatch:
    """Rows of ``FOUND``."""
    rows = [
        {
            "segment_id": segment,
            "vector": each.vector.astype(np.float32).tolist(),
            "clicked": clicked,
            "age_hours": each.age_hours,
            "examination": each.examination,
            "weight": each.weight,
            "users": each.users,
        }
        for each in found
    ]
    return pa.RecordBatch.from_pylist(rows, schema=FOUND)


def segment_events(events: "DataFrame", members: "DataFrame", day: int) -> "DataFrame":
    """Events of each segment's users in the window that ends with ``day``, by segment and kind, in a fixed order."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = Window.partitionBy("segment_id").orderBy(F.xxhash64("user_id"), "user_id")
    chosen = members.withColumn("place", F.row_number().over(order)).where(F.col("place") <= MOST_USERS)
    window = events.where((F.col("day") > day - LONGEST) & (F.col("day") <= day))
    joined = window.join(chosen.select("user_id", "segment_id"), "user_id")
    keyed = joined.withColumn("key", F.concat_ws("/", "segment_id", F.col("clicked").cast("string")))
    return (
        keyed.select("key", "segment_id", "user_id", "cover_id", "ts", "position", "clicked")
        .repartition("key")
        .sortWithinPartitions("key", "user_id", "ts", "position", "cover_id")
    )


def segment_history(
    events: "DataFrame",
    members: "DataFrame",
    day: int,
    examination: Floats,
    catalogue: Callable[[], Catalogue],
    seed: int,
) -> pa.Table:
    """Rows of ``FOUND``, by segment, clicked before skipped, the heaviest first.

    Parameters
    ----------
    events
        The cached log, see :func:`jobs.features.log.read_events`.
    members
        Rows of ``user_segments`` of the day.
    day, examination, catalogue, seed
        As in :func:`prototypes_of`.
    """
    task = prototypes_of(day, examination, catalogue, seed)
    found = mapped(segment_events(events, members, day), task, FOUND).toArrow()
    return found.sort_by([("segment_id", "ascending"), ("clicked", "descending"), ("weight", "descending")])


def history_table(day: str, found: pa.Table) -> pa.Table:
    """Rows of ``segment_history`` of a day from rows of ``FOUND``."""
    names = found["segment_id"].to_pylist()
    place = [names[:row].count(name) for row, name in enumerate(names)]
    table = found.append_column("ds", pa.array([day] * len(found), pa.string()))
    table = table.append_column("place", pa.array(place, pa.int32()))
    return table.select(SEGMENT_HISTORY.schema.names).cast(SEGMENT_HISTORY.schema)
