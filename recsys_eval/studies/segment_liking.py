"""What segments of some number are worth: ``coverlift study segment-liking``.

For every number of clusters that the rule chooses from: its stability, and the mean true liking (logits) of
the family that a user's segment likes most. The true tastes of the built-in world have no part in
the choice; this says afterwards how good it was.
"""

from dataclasses import dataclass, replace

import numpy as np

from jobs.features.segmentation.clusters import choose, fit
from jobs.lake.arrays import Floats, Ints, matrix
from jobs.lake.context import Context
from jobs.simulator.model import World


def liking(taste: Floats, labels: Ints) -> float:
    """Mean over users of their liking (logits) of the family that their cluster likes most on average.

    Examples
    --------
    >>> liking(np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 2.0]]), np.array([0, 0, 1]))
    1.3333333333333333
    """
    found = np.empty(len(labels))
    for label in np.unique(labels):
        rows = labels == label
        found[rows] = taste[rows, taste[rows].mean(axis=0).argmax()]
    return float(found.mean())


@dataclass(frozen=True, kw_only=True)
class SegmentLiking:
    """:func:`segment_liking` has no options besides the night."""


def segment_liking(ctx: Context, options: SegmentLiking) -> None:
    """Print the table of one day."""
    settings = ctx.settings
    users = ctx.lake.read("user_features", ds=ctx.ds, filters=[("clicks_28d", ">", 0)]).sort_by("user_id")
    world = World(settings.world)
    taste = world.style_taste[world.user_index(users["user_id"].to_pylist())]
    embedding, style = matrix(users["pref_embedding"]), matrix(users["pref_style"])
    rule = settings.features
    chosen = choose(embedding, style, rule.segment_candidates, rule.segment_min_size, rule.seed)
    print(f"{len(users)} users with clicks on {ctx.ds}")
    print("clusters  stability  liking")
    print(f"{1:8d}  {'':9}  {liking(taste, np.zeros(len(users), np.int64)):6.2f}")
    points = chosen.clusters.points(embedding, style)
    for number, firm in chosen.stability.items():
        clusters = replace(chosen.clusters, centres=fit(points, number, rule.seed))
        nearest, _ = clusters.nearest(points)
        mark = "  chosen" if number == len(chosen.clusters.centres) else ""
        print(f"{number:8d}  {firm:9.2f}  {liking(taste, nearest):6.2f}{mark}")
    print(f"the true favourite of every user: {taste.max(1).mean():.2f}")
