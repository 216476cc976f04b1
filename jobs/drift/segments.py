"""How a night's segments differ from those of the night before: whose tastes moved, and where people went."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from jobs.lake.lake import Lake
from jobs.lake.schema.columns import WITHOUT_PROFILE


@dataclass(frozen=True, kw_only=True)
class SegmentTable:
    """The segments of a night."""

    sizes: npt.NDArray[np.float64]
    """(S,) users of each segment with a profile."""
    centroids: npt.NDArray[np.float64]
    """(S, 160) their preferences in what covers show and how they are drawn."""
    without_profile: float = 0.0
    """Users without a click."""

    @classmethod
    def read(cls, lake: Lake, ds: str) -> "SegmentTable":
        """Those of a day; empty where it has none."""
        rows = lake.read("segments", ds=ds, columns=["segment_id", "size", "pref_embedding", "pref_style"]).to_pylist()
        known = [row for row in rows if row["segment_id"] != WITHOUT_PROFILE]
        return cls(
            sizes=np.array([row["size"] for row in known], float),
            centroids=np.array([[*row["pref_embedding"], *row["pref_style"]] for row in known], float),
            without_profile=float(sum(row["size"] for row in rows) - sum(row["size"] for row in known)),
        )

    @property
    def users(self) -> float:
        """All of them."""
        return float(self.sizes.sum() + self.without_profile)


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What became of the segments of an earlier night."""

    centroids: float
    """Mean cosine distance of a user's centroid to that of the same segment before, 0 to 2."""
    before: npt.NDArray[np.float64]
    """(P + 1,) users of each pair of segments, and at last those without a profile."""
    now: npt.NDArray[np.float64]
    """(P + 1,) the same tonight."""


def own_figures(segments: SegmentTable) -> dict[str, float]:
    """Figures of one night's segments alone, by name."""
    if not segments.users:
        return {"segments": 0.0}
    return {
        "segments": float(len(segments.sizes)),
        "largest_segment_share": float(segments.sizes.max(initial=0.0) / segments.users),
        "without_profile_share": segments.without_profile / segments.users,
    }


def movement(before: SegmentTable, now: SegmentTable) -> Movement | None:
    """Pair the segments of two nights, whose names mean nothing across nights, and compare them.

    Pairs have the least sum of cosine distances (``scipy.optimize.linear_sum_assignment``). Where one night has more
    segments, each one left over joins the pair whose centroid it is nearest to, so that a segment that is split in two
    is no movement of people.

    Returns
    -------
    Movement or None
        None where a night has no segment with a profile.
    """
    if not len(before.sizes) or not len(now.sizes):
        return None
    apart = cosine_distances(before.centroids, now.centroids)
    first, second = linear_sum_assignment(apart)
    of_before = _pair_of(len(before.sizes), first, apart[:, second])
    of_now = _pair_of(len(now.sizes), second, apart[first].T)
    pairs = len(first)
    moved = apart[first[of_now], np.arange(len(now.sizes))]
    return Movement(
        centroids=float(np.average(moved, weights=now.sizes)),
        before=np.append(np.bincount(of_before, before.sizes, pairs), before.without_profile),
        now=np.append(np.bincount(of_now, now.sizes, pairs), now.without_profile),
    )


def _pair_of(number: int, paired: npt.NDArray[np.intp], to_pairs: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Each segment's pair: its own, or the nearest by ``to_pairs``, (number, pairs)."""
    found: npt.NDArray[np.intp] = to_pairs.argmin(axis=1)
    found[paired] = np.arange(len(paired))
    assert len(found) == number
    return found


def cosine_distances(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 - cosine, (L, R); a zero vector is at distance 1 of everything.

    Examples
    --------
    >>> cosine_distances(np.array([[2.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])).tolist()
    [[0.0, 1.0, 2.0]]
    """

    def unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)

    return np.asarray(1.0 - unit(left) @ unit(right).T)
