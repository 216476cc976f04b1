"""How painted covers compare with real drawings, as the judge sees them.

Four questions, each answered per picture and summarised with an interval over subjects: is it in
the style that was asked for, does it still show its subject, how far is it from a real drawing,
and do several paintings of one subject differ.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jobs.lake.arrays import Floats32, Ints, Pixels, Strings
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean

CHUNK = 256
"""Pairs of pictures whose features are in memory at once (0.24 MB a picture)."""


class FeatureJudge(Protocol):
    """What a perceptual distance asks of ``recsys_eval.judge.model.Judge``."""

    def features(self, pixels: Pixels) -> Floats32:
        """(N, F), squared Euclidean distances between which are perceptual distances."""


class PictureJudge(FeatureJudge, Protocol):
    """What these metrics ask of ``recsys_eval.judge.model.Judge``."""

    def style_probabilities(self, pixels: Pixels) -> Floats32:
        """(N, 6)."""

    def subject_embedding(self, pixels: Pixels) -> Floats32:
        """(N, D), L2-normalised."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures with what they show and the family they are drawn, or meant to be drawn, in."""

    pixels: Pixels
    """(N, 64, 64, 3) uint8 RGB on white."""
    codes: Strings
    """(N,) subject."""
    families: Ints
    """(N,) int64 class number of the family."""

    def __post_init__(self) -> None:
        if not len(self.pixels) == len(self.codes) == len(self.families):
            raise ValueError(
                f"{len(self.pixels)} pictures, {len(self.codes)} codes and {len(self.families)} families: "
                "name one of each per picture"
            )


def subject_ranks(
    queries: Floats32,
    query_codes: Strings,
    gallery: Floats32,
    gallery_codes: Strings,
    *,
    query_families: Ints,
    gallery_families: Ints,
) -> Ints:
    """Rank of the right subject when a picture is looked up among subjects across families.

    A subject of the gallery is the normalised mean embedding of its pictures in all families but
    the query's, so a shared style never helps; subjects are ordered by cosine. A tie counts
    against the query.

    Parameters
    ----------
    queries, gallery
        (Q, D) and (G, D) float32, L2-normalised.
    query_codes, gallery_codes
        (Q,) and (G,) subjects.
    query_families, gallery_families
        (Q,) and (G,) int64 families.

    Returns
    -------
    numpy.ndarray
        (Q,) int64, 1 for the nearest. Recall at k is ``mean(rank <= k)``.

    Raises
    ------
    ValueError
        A query's subject has no picture in the gallery in another family.
    """
    codes, column = np.unique(gallery_codes, return_inverse=True)
    ranks = np.empty(len(queries), np.int64)
    for family in np.unique(query_families):
        rows = np.flatnonzero(query_families == family)
        other = gallery_families != family
        sums = np.zeros((len(codes), gallery.shape[1]), np.float32)
        np.add.at(sums, column[other], gallery[other])
        known = np.isin(codes, gallery_codes[other])
        missing = np.setdiff1d(query_codes[rows], codes[known])
        if missing.size:
            raise ValueError(
                f"subject {missing[0]!r} has no gallery picture outside family {family}: add its real drawings"
            )
        centroids = sums[known] / np.maximum(np.linalg.norm(sums[known], axis=1, keepdims=True), 1e-12)
        scores = queries[rows] @ centroids.T
        own = np.searchsorted(codes[known], query_codes[rows])
        ranks[rows] = (scores >= scores[np.arange(len(rows)), own][:, None]).sum(1)
    return ranks


def perceptual_distance(judge: FeatureJudge, a: Pixels, b: Pixels) -> Floats32:
    """LPIPS-like distance of paired pictures in the judge's feature maps.

    Parameters
    ----------
    judge
        Whose features; see ``Judge.features`` for the formula (Zhang et al., CVPR 2018, eq. 1).
    a, b
        (N, 64, 64, 3) uint8 each.

    Returns
    -------
    numpy.ndarray
        (N,) float32, 0 for equal pictures.

    Raises
    ------
    ValueError
        The batches differ in length.
    """
    if len(a) != len(b):
        raise ValueError(f"pictures are compared in pairs, got {len(a)} and {len(b)}: pass as many of each")
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(a), CHUNK):
        gap = judge.features(a[start : start + CHUNK]) - judge.features(b[start : start + CHUNK])
        parts.append(np.square(gap).sum(1))
    return np.concatenate(parts)


def mean_pairwise_distance(vectors: Floats32) -> float:
    """Mean squared distance over the ``n (n - 1) / 2`` pairs of n vectors.

    Uses ``sum_{i<j} |v_i - v_j|^2 = n sum_i |v_i - mean|^2``.

    Raises
    ------
    ValueError
        There are fewer than two vectors.

    Examples
    --------
    >>> mean_pairwise_distance(np.array([[0.0], [1.0], [3.0]], np.float32))  # (1 + 9 + 4) / 3
    4.666666666666667
    """
    n = len(vectors)
    if n < 2:
        raise ValueError("diversity needs at least two pictures of a subject: leave out subjects with one")
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    return float(2 * np.square(centred).sum() / (n - 1))


def style_agreement(judge: PictureJudge, painted: Pictures, *, n: int = 1000, seed: int = 0) -> Interval:
    """Share of pictures whose most probable style is the family they were meant to be in.

    Parameters
    ----------
    judge
        Who decides.
    painted
        Pictures; ``families`` are the targets.
    n, seed
        Bootstrap replicates over subjects, and their seed.
    """
    right = judge.style_probabilities(painted.pixels).argmax(1) == painted.families
    return bootstrap_mean(right, painted.codes, n=n, seed=seed)


def subject_recall(
    judge: PictureJudge, painted: Pictures, real: Pictures, *, k: int, n: int = 1000, seed: int = 0
) -> Interval:
    """Share of pictures whose subject is among the k nearest in the gallery of real drawings.

    Parameters
    ----------
    judge
        Whose subject embedding.
    painted
        Queries.
    real
        The gallery: real drawings of all subjects to choose from, in several families.
    k
        How many subjects may come first.
    n, seed
        Bootstrap replicates over subjects, and their seed.

    Raises
    ------
    ValueError
        A subject has no real drawing in another family than its picture's.
    """
    ranks = subject_ranks(
        judge.subject_embedding(painted.pixels),
        painted.codes,
        judge.subject_embedding(real.pixels),
        real.codes,
        query_families=painted.families,
        gallery_families=real.families,
    )
    return bootstrap_mean(ranks <= k, painted.codes, n=n, seed=seed)


def distance_to_real(
    judge: PictureJudge, painted: Pictures, real: Pictures, *, n: int = 1000, seed: int = 0
) -> Interval:
    """Mean LPIPS-like distance to the real drawing of the same subject in the target family.

    Pictures whose subject that family does not draw are left out.

    Raises
    ------
    ValueError
        No picture has such a drawing.
    """
    row_of = {key: row for row, key in enumerate(zip(real.codes, real.families, strict=True))}
    keys = list(zip(painted.codes, painted.families, strict=True))
    rows = np.array([row for row, key in enumerate(keys) if key in row_of], dtype=np.int64)
    partners = np.array([row_of[keys[row]] for row in rows], dtype=np.int64)
    distance = perceptual_distance(judge, painted.pixels[rows], real.pixels[partners])
    return bootstrap_mean(distance, painted.codes[rows], n=n, seed=seed)


def pairwise_diversity(judge: PictureJudge, painted: Pictures, *, n: int = 1000, seed: int = 0) -> Interval:
    """Mean over subjects of the mean LPIPS-like distance between two pictures of the subject.

    Subjects with one picture are left out.

    Raises
    ------
    ValueError
        No subject has two pictures.
    """
    codes, counts = np.unique(painted.codes, return_counts=True)
    several = codes[counts > 1]
    values = [mean_pairwise_distance(judge.features(painted.pixels[painted.codes == code])) for code in several]
    return bootstrap_mean(np.array(values), several, n=n, seed=seed)


def measure_pictures(
    judge: PictureJudge, painted: Pictures, real: Pictures, *, n: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """All figures of painted pictures: style agreement, R@1, R@10, distance and diversity.

    Parameters
    ----------
    judge
        Who decides.
    painted
        Pictures with their subjects and target families.
    real
        Real drawings of all subjects to choose from.
    n, seed
        Bootstrap replicates over subjects, and their seed.

    Raises
    ------
    ValueError
        A subject is missing from ``real``, or no subject was painted twice.
    """
    return {
        "style_agreement": style_agreement(judge, painted, n=n, seed=seed),
        "subject_recall_at_1": subject_recall(judge, painted, real, k=1, n=n, seed=seed),
        "subject_recall_at_10": subject_recall(judge, painted, real, k=10, n=n, seed=seed),
        "distance_to_real": distance_to_real(judge, painted, real, n=n, seed=seed),
        "pairwise_diversity": pairwise_diversity(judge, painted, n=n, seed=seed),
    }
