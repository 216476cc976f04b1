"""Segments: every user of a day belongs to one, and none is smaller than the privacy floor.

Users without a click in the window have no taste to cluster by. They are the segment ``new``, whose
profile is zeros: a cover for it is not personalised. Its row is always written, so that a user who
was never seen has a segment too; its size may be 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from conf.settings import FeatureSettings
from jobs.features.behaviour import mapped
from jobs.features.segmentation.clusters import Clusters, choose, merge_small
from jobs.features.windows import LONGEST, Vectors
from jobs.lake.arrays import Flags, Floats, Ints, matrix
from jobs.lake.schema.columns import WITHOUT_PROFILE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NEW = WITHOUT_PROFILE
SAMPLE_USERS = 200_000
"""Most users the clusters are fitted on; all users are assigned."""
HAS_CLICKS = f"clicks_{LONGEST}d"

ASSIGNED = pa.schema([("user_id", pa.string()), ("segment_id", pa.string()), ("distance", pa.float64())])
COUNTED = pa.schema([("cluster", pa.int64()), ("informed", pa.bool_()), ("users", pa.int64())])
SUMMED = pa.schema(
    [
        ("segment_id", pa.string()),
        ("users", pa.int64()),
        ("pref_embedding", pa.list_(pa.float64())),
        ("pref_style", pa.list_(pa.float64())),
    ]
)
Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """How users fall into segments on one day."""

    clusters: Clusters
    """As fitted."""
    went: Ints
    """(k,) place in ``ids`` of each fitted cluster, -1 for ``new``."""
    merged: Clusters
    """Centres of ``ids``, in the same order."""
    ids: tuple[str, ...]
    """Segments with a taste: ``s0``, ``s1`` ... by size, largest first."""
    new_apart: bool
    """Whether users without clicks are the segment ``new``; else each belongs to its nearest segment."""
    stability: dict[int, float]
    """Number of clusters -> stability, for the record."""

    def assign(self, embedding: Vectors, style: Vectors, informed: Flags) -> tuple[list[str], Floats]:
        """Segment of each user, and the distance to its centre (the origin for ``new``) in scaled space.

        Parameters
        ----------
        embedding, style
            (n, embed_dim) and (n, style_dim) preferences.
        informed
            (n,) whether the user clicked in the window.
        """
        points = self.clusters.points(embedding, style)
        distance = np.asarray(np.linalg.norm(points, axis=1))
        if not self.ids:
            return [NEW] * len(points), distance
        place = self.went[self.clusters.nearest(points)[0]]
        place = np.where(informed | (not self.new_apart), place, -1)
        tasteful = place >= 0
        distance[tasteful] = self.merged.distance(points[tasteful], place[tasteful])
        return [self.ids[at] if at >= 0 else NEW for at in place.tolist()], distance


def sampled(users: "DataFrame", informed: int, seed: int, size: int = SAMPLE_USERS) -> pa.Table:
    """At most about ``size`` of the ``informed`` users with clicks, chosen by a hash of their id, sorted by id."""
    from pyspark.sql import functions as F

    chosen = users.where(F.col(HAS_CLICKS) > 0)
    if informed > size:
        parts = 1_000_000
        chosen = chosen.where(F.pmod(F.xxhash64("user_id", F.lit(seed)), F.lit(parts)) < parts * size // informed)
    return chosen.select("user_id", "pref_embedding", "pref_style").toArrow().sort_by("user_id")


def fit_segments(users: "DataFrame", settings: FeatureSettings) -> Segmentation:
    """Cluster the users of one day and apply the floor.

    Parameters
    ----------
    users
        Rows of ``user_features`` of one day, see :func:`narrow`.
    settings
        Floor, candidates and seed.
    """
    with_clicks = users.where(f"{HAS_CLICKS} > 0").count()
    if not with_clicks:
        return nobody()
    sample = sampled(users, with_clicks, settings.seed)
    floor_in_sample = max(1, settings.segment_min_size * sample.num_rows // with_clicks)
    choice = choose(
        matrix(sample["pref_embedding"]),
        matrix(sample["pref_style"]),
        settings.segment_candidates,
        floor_in_sample,
        settings.seed,
    )
    informed, uninformed = _sizes(users, choice.clusters)
    new_apart = bool(uninformed.sum() >= settings.segment_min_size)
    sizes = informed if new_apart else informed + uninformed
    merged, left, went = merge_small(choice.clusters, sizes, settings.segment_min_size)
    return Segmentation(
        clusters=choice.clusters,
        went=went,
        merged=merged,
        ids=tuple(f"s{place}" for place in range(len(left))),
        new_apart=new_apart,
        stability=choice.stability,
    )


def nobody() -> Segmentation:
    """The segmentation of a day on which no user has a click: all are ``new``."""
    none = Clusters(style_scale=1.0, embedding_scale=1.0, centres=np.zeros((1, 1)))
    return Segmentation(clusters=none, went=np.array([-1]), merged=none, ids=(), new_apart=True, stability={})


def _sizes(users: "DataFrame", clusters: Clusters) -> tuple[Ints, Ints]:
    """(k,) users with clicks and (k,) users without, by nearest cluster."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        counts = np.zeros((2, len(clusters.centres)), dtype=np.int64)
        for batch in batches:
            embedding, style, informed = _preferences(batch)
            nearest, _ = clusters.nearest(clusters.points(embedding, style))
            np.add.at(counts, (informed.astype(int), nearest), 1)
        flags, places = np.nonzero(counts)
        yield pa.record_batch([pa.array(places), pa.array(flags == 1), pa.array(counts[flags, places])], schema=COUNTED)

    sizes = np.zeros((2, len(clusters.centres)), dtype=np.int64)
    for row in mapped(users, task, COUNTED).collect():
        sizes[int(row["informed"]), row["cluster"]] += row["users"]
    return sizes[1], sizes[0]


def assigned(users: "DataFrame", segmentation: Segmentation) -> "DataFrame":
    """Frame of user_id, segment_id and distance, one row per user of ``users``."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                names, distance = segmentation.assign(*_preferences(batch))
                yield pa.record_batch([batch.column("user_id"), pa.array(names), pa.array(distance)], schema=ASSIGNED)

    return mapped(users, task, ASSIGNED)


@dataclass(frozen=True)
class Centroid:
    """A segment's users and their mean preference."""

    size: int
    embedding: Floats
    """(embed_dim,)"""
    style: Floats
    """(style_dim,)"""


def centroids(users: "DataFrame", segmentation: Segmentation) -> dict[str, Centroid]:
    """Size and mean preference of every segment; of ``new`` too, whose means are set to zero.

    ``new`` is always there, even without users.
    """

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield _summed(batch, segmentation)

    totals: dict[str, Centroid] = {}
    for row in sorted(mapped(users, task, SUMMED).collect(), key=repr):
        part = Centroid(row["users"], np.array(row["pref_embedding"]), np.array(row["pref_style"]))
        old = totals.get(row["segment_id"], Centroid(0, np.zeros_like(part.embedding), np.zeros_like(part.style)))
        totals[row["segment_id"]] = Centroid(
            old.size + part.size, old.embedding + part.embedding, old.style + part.style
        )
    first = next(iter(totals.values()))
    zeros = Centroid(0, np.zeros_like(first.embedding), np.zeros_like(first.style))
    means = {
        name: Centroid(sums.size, sums.embedding / sums.size, sums.style / sums.size) for name, sums in totals.items()
    }
    new = Centroid(means[NEW].size, zeros.embedding, zeros.style) if NEW in means else zeros
    return {name: means[name] for name in segmentation.ids if name in means} | {NEW: new}


def _summed(batch: pa.RecordBatch, segmentation: Segmentation) -> pa.RecordBatch:
    embedding, style, informed = _preferences(batch)
    names, rows = np.unique(segmentation.assign(embedding, style, informed)[0], return_inverse=True)
    member = (rows[None, :] == np.arange(len(names))[:, None]).astype(np.float64)
    columns = [pa.array(names.tolist()), pa.array(member.sum(axis=1).astype(np.int64))]
    columns += [pa.array((member @ part).tolist(), pa.list_(pa.float64())) for part in (embedding, style)]
    return pa.record_batch(columns, schema=SUMMED)


def narrow(users: "DataFrame") -> "DataFrame":
    """The columns of ``user_features`` that segments are made from."""
    return users.select("user_id", HAS_CLICKS, "pref_embedding", "pref_style")


def _preferences(batch: pa.RecordBatch) -> tuple[Vectors, Vectors, Flags]:
    informed = batch.column(HAS_CLICKS).to_numpy() > 0
    return matrix(batch.column("pref_embedding")), matrix(batch.column("pref_style")), informed
