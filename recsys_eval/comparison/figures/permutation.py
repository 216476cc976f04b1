"""Is it personal? What pictures are worth to those they were painted for, against anybody else (simulated).

The statistic is the mean true probability of a click when everybody looks at their own picture. Under the hypothesis
that a method does not care for whom it paints, who looks at whose picture does not matter: owners are shuffled, within
groups whose members were painted the same items. The verifier of REBECA (arXiv 2502.18477).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class Permuted:
    """Outcome of the test."""

    own: float
    """Mean probability with the right owner."""
    shuffled: float
    """Mean over shuffles."""
    z: float
    """Distance in standard deviations of the shuffles."""
    p: float
    """One-sided: (1 + shuffles at or above) / (1 + shuffles)."""
    n: int
    """Owners."""


def permutation_test(groups: Sequence[Floats], *, shuffles: int, seed: int) -> Permuted:
    """Shuffle owners within groups.

    Parameters
    ----------
    groups
        A square matrix each: [v, u] is the mean probability that v clicks on what was painted for u.
    shuffles, seed
        How many, and of the draws.

    Raises
    ------
    ValueError
        No group has two members.

    Examples
    --------
    >>> two = permutation_test([np.array([[0.9, 0.1], [0.3, 0.7]])], shuffles=99, seed=0)
    >>> two.own, two.n
    (0.8, 2)
    """
    members = sum(len(group) for group in groups)
    if all(len(group) < 2 for group in groups):
        raise ValueError("nobody can be swapped: a permutation test needs a group of two or more")
    rng = np.random.default_rng(seed)
    own = sum(float(np.trace(group)) for group in groups) / members
    drawn = np.zeros(shuffles)
    for group in groups:
        rows = np.arange(len(group))
        for number in range(shuffles):
            drawn[number] += group[rows, rng.permutation(rows)].sum()
    drawn /= members
    spread = float(drawn.std())
    return Permuted(
        own=own,
        shuffled=float(drawn.mean()),
        z=(own - float(drawn.mean())) / spread if spread > 0 else 0.0,
        p=(1 + int((drawn >= own - 1e-12).sum())) / (1 + shuffles),
        n=members,
    )
