"""Clusters of users by what they prefer: k-means, its number of clusters, and the privacy floor.

A user is a point: the style preference and the subject preference, each divided by its root mean square
over the users (so that both blocks have length about 1) and weighted. Style carries most weight, for style is
what covers of one item differ by. Points of users with few clicks lie near the origin, because preferences are
shrunk (:mod:`jobs.features.estimators.preference`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jobs.features.windows import Vectors
from jobs.lake.arrays import Floats, Ints

STYLE_WEIGHT = 1.0
EMBEDDING_WEIGHT = 0.25
"""Weight of the subject preference relative to the style preference."""
MIN_STABILITY = 0.6
"""Least stability of a number of clusters, where 1 is the same clusters from any users and 0 is chance."""
RESAMPLES = 5
"""Pairs of resampled fits for each number of clusters."""
RESAMPLE_USERS = 10_000
"""Most users in a resampled fit."""


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Centres of clusters, and the scale of the space they lie in."""

    style_scale: float
    """Root mean square length of the style preferences fitted on."""
    embedding_scale: float
    """The same of the subject preferences."""
    centres: Floats
    """(k, style_dim + embed_dim) in scaled space."""

    def points(self, embedding: Vectors, style: Vectors) -> Floats:
        """(n, style_dim + embed_dim) points of users with these preferences."""
        return scaled(embedding, style, self.embedding_scale, self.style_scale)

    def nearest(self, points: Floats) -> tuple[Ints, Floats]:
        """Nearest centre of each point, the first of equals, and the distance to it."""
        squares = (points**2).sum(axis=1)[:, None] - 2 * points @ self.centres.T + (self.centres**2).sum(axis=1)
        chosen = squares.argmin(axis=1)
        return chosen, self.distance(points, chosen)

    def distance(self, points: Floats, cluster: Ints) -> Floats:
        """Euclidean distance of each point to its cluster's centre."""
        return np.asarray(np.linalg.norm(points - self.centres[cluster], axis=1))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen clusters and why."""

    clusters: Clusters
    stability: dict[int, float]
    """Number of clusters -> mean adjusted Rand index."""


def root_mean_square(vectors: Vectors) -> float:
    """Root mean square length of the rows, 1 where all are zero.

    Examples
    --------
    >>> root_mean_square(np.array([[3.0, 4.0], [3.0, 4.0]]))
    5.0
    """
    length = float(np.sqrt((np.asarray(vectors, dtype=np.float64) ** 2).sum(axis=1).mean()))
    return length if length > 0 else 1.0


def scaled(embedding: Vectors, style: Vectors, embedding_scale: float, style_scale: float) -> Floats:
    """Points of users: weighted blocks, style first."""
    blocks = (STYLE_WEIGHT * style / style_scale, EMBEDDING_WEIGHT * embedding / embedding_scale)
    return np.hstack([np.asarray(block, dtype=np.float64) for block in blocks])


def fit(points: Floats, k: int, seed: int, restarts: int = 10) -> Floats:
    """(k, dim) centres of k-means (Lloyd 1982, k-means++ starts).

    On one thread: the fits are small, and on a busy machine threads that wait for each other cost ten times more.
    """
    from sklearn.cluster import KMeans  # not needed in the executors, which import this module
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        model = KMeans(n_clusters=k, n_init=restarts, random_state=seed).fit(points)
    return np.asarray(model.cluster_centers_)


def stability(points: Floats, k: int, seed: int) -> float:
    """How alike two clusterings are that were fitted on different resamples of the users.

    Mean over ``RESAMPLES`` pairs of the adjusted Rand index (Hubert and Arabie 1985) between the labels
    that both fits give to all points; the bootstrap of Fang and Wang (2012), "Selection of the number of
    clusters via the bootstrap method". 1 is perfect, 0 is chance.
    """
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng([seed, k])
    size = min(len(points), RESAMPLE_USERS)
    found = []
    for _ in range(RESAMPLES):
        labels = []
        for _ in range(2):
            drawn = points[random.integers(0, len(points), size)]
            centres = fit(drawn, k, int(random.integers(2**31)), restarts=1)
            labels.append(Clusters(style_scale=1, embedding_scale=1, centres=centres).nearest(points)[0])
        found.append(adjusted_rand_score(*labels))
    return float(np.mean(found))


def choose(embedding: Vectors, style: Vectors, candidates: Sequence[int], min_size: int, seed: int) -> Choice:
    """The largest number of clusters that is stable.

    Among the candidates whose smallest cluster has ``min_size`` users: the largest whose :func:`stability` is at least
    ``MIN_STABILITY``, and where none is, the most stable. More segments follow tastes more closely, until they follow
    noise. Where every candidate has a smaller cluster, all are compared (and small clusters are merged later).

    Parameters
    ----------
    embedding, style
        (n, embed_dim) and (n, style_dim) preferences of a sample of users.
    candidates
        Numbers of clusters; those that need more users than there are do not count, and one cluster is
        always possible.
    min_size
        Least users of a cluster in this sample.
    seed
        Of the resamples and the starts.
    """
    scales = {"style_scale": root_mean_square(style), "embedding_scale": root_mean_square(embedding)}
    points = scaled(embedding, style, scales["embedding_scale"], scales["style_scale"])
    possible = [k for k in sorted(candidates) if k * min_size <= len(np.unique(points, axis=0))] or [1]
    stable = {k: stability(points, k, seed) if k > 1 else 1.0 for k in possible}
    fitted = {k: Clusters(**scales, centres=fit(points, k, seed)) for k in possible}
    sizes = {k: np.bincount(clusters.nearest(points)[0], minlength=k).min() for k, clusters in fitted.items()}
    large = [k for k in possible if sizes[k] >= min_size] or possible
    firm = [k for k in large if stable[k] >= MIN_STABILITY]
    chosen = max(firm) if firm else max(large, key=lambda k: stable[k])
    return Choice(clusters=fitted[chosen], stability=stable)


def merge_small(clusters: Clusters, sizes: Ints, min_size: int) -> tuple[Clusters, Ints, Ints]:
    """Merge clusters under the privacy floor into their nearest, and order the rest by size.

    The smallest goes first; a merged centre is the mean of both, weighted by size. One cluster that stays
    under the floor has no right to exist: then there are no clusters.

    Parameters
    ----------
    clusters
        Fitted ones.
    sizes
        (k,) users of each.
    min_size
        The floor.

    Returns
    -------
    tuple
        The clusters left (largest first), their sizes, and (k,) where each old cluster went, -1 for nowhere.

    Examples
    --------
    >>> three = Clusters(style_scale=1, embedding_scale=1, centres=np.array([[0.0], [9.0], [10.0]]))
    >>> left, sizes, went = merge_small(three, np.array([60, 90, 10]), 50)
    >>> left.centres.tolist(), sizes.tolist(), went.tolist()
    ([[9.1], [0.0]], [100, 60], [1, 0, 0])
    """
    centres, count = clusters.centres.copy(), sizes.astype(np.int64).copy()
    went = np.arange(len(count))
    alive = np.ones(len(count), dtype=bool)
    while alive.any():
        small = int(np.flatnonzero(alive)[count[alive].argmin()])
        if count[small] >= min_size:
            break
        alive[small] = False
        if not alive.any():
            went[:] = -1
            break
        others = np.flatnonzero(alive)
        into = int(others[np.linalg.norm(centres[others] - centres[small], axis=1).argmin()])
        both = count[into] + count[small]
        centres[into] = (centres[into] * count[into] + centres[small] * count[small]) / max(both, 1)
        count[into] = both
        went[went == small] = into
    order = np.flatnonzero(alive)[np.argsort(-count[alive], kind="stable")]
    place = np.full(len(count), -1)
    place[order] = np.arange(len(order))
    return replace(clusters, centres=centres[order]), count[order], np.where(went < 0, -1, place[went])
