"""Do reviewers agree, and which of two covers do they prefer: figures with intervals."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 2000
SEED = 20260329
Choice: TypeAlias = Literal["first", "second", "tie"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its interval; None where the data do not say."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Units, or votes, that it rests on."""


def krippendorff_alpha(
    ratings: Iterable[Sequence[Hashable | None]],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> Estimate:
    """Krippendorff's alpha for nominal values: agreement beyond chance; 1 is perfect, 0 is chance.

    ``alpha = 1 - D_o / D_e`` with the observed and expected disagreement of pairs of answers
    ``D_o = 1/n sum_u (n_u^2 - sum_c n_uc^2) / (n_u - 1)`` and
    ``D_e = (n^2 - sum_c n_c^2) / (n (n - 1))`` over the ``n`` answers of units with two or more
    (K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011).

    Parameters
    ----------
    ratings
        For each unit the answers it got, in any order; None is no answer. Units with fewer than two
        answers say nothing.
    resamples
        Of units, with replacement, for the percentile interval; those without any variation are left out.
    level
        Of the interval.
    seed
        Of the resampling.

    Returns
    -------
    Estimate
        Its ``value`` is None without variation (all the same answer), where alpha is not defined.

    Examples
    --------
    >>> ben, gerry = "aabbdcccedda", "babbbccceddd"
    >>> round(krippendorff_alpha(zip(ben, gerry)).value, 3)
    0.692
    """
    counts = _counts(ratings)
    if not len(counts):
        return Estimate(value=None, low=None, high=None, n=0)
    patterns, times = np.unique(counts, axis=0, return_counts=True)
    value = _alpha(times[None].astype(np.float64), patterns)[0]
    if math.isnan(value):
        return Estimate(value=None, low=None, high=None, n=len(counts))
    draws = np.random.default_rng(seed).multinomial(len(counts), times / times.sum(), size=resamples)
    found = _alpha(draws.astype(np.float64), patterns)
    found = found[~np.isnan(found)]
    low, high = (float(bound) for bound in np.quantile(found, [(1 - level) / 2, (1 + level) / 2]))
    return Estimate(value=float(value), low=low, high=high, n=len(counts))


def _counts(ratings: Iterable[Sequence[Hashable | None]]) -> NDArray[np.float64]:
    """(units, values) number of answers, of the units with two or more."""
    place: dict[Hashable, int] = {}
    rows = []
    for answers in ratings:
        given = [place.setdefault(answer, len(place)) for answer in answers if answer is not None]
        if len(given) > 1:
            rows.append(given)
    counts = np.zeros((len(rows), len(place)))
    for row, given in enumerate(rows):
        np.add.at(counts[row], given, 1)
    return counts


def _alpha(times: NDArray[np.float64], patterns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Alpha of (R, P) multiplicities of (P, C) patterns of answers; NaN without variation."""
    sizes = patterns.sum(axis=1)
    apart = (sizes**2 - (patterns**2).sum(axis=1)) / (sizes - 1)
    answers = times @ sizes
    values = times @ patterns
    expected = (answers**2 - (values**2).sum(axis=1)) / (answers - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (times @ apart) / expected, np.nan)


@dataclass(frozen=True, kw_only=True)
class PairVote:
    """An answer to a blind pair."""

    unit: str
    """What was looked at: answers about the same unit are no independent evidence."""
    first: str
    second: str
    """The two arms: a method's name, or ``original``."""
    choice: Choice


@dataclass(frozen=True, kw_only=True)
class Preference:
    """Which of two arms people prefer."""

    arm: str
    over: str
    wins: int
    losses: int
    ties: int
    share: Estimate
    """Share of the votes for one of the two that went to ``arm``; ``n`` is their number."""

    @property
    def settled(self) -> bool:
        """Whether the interval lies on one side of one half."""
        return (
            self.share.low is not None and self.share.high is not None and not self.share.low <= 0.5 <= self.share.high
        )


def paired_preference(votes: Iterable[PairVote], *, level: float = LEVEL) -> list[Preference]:
    """For each pair of arms the share of votes for the generated one, or the one first by name.

    The interval is Wilson's (E. B. Wilson, 1927) at the effective number of votes: where the same
    unit was voted on more than once, the number is divided by the design effect, the ratio of the
    variance between units to that of independent votes, at least 1 (L. Kish, Survey Sampling, 1965).
    Ties are counted and decide nothing.

    Returns
    -------
    list[Preference]
        By arm and what it is compared with; ``original`` is always what is compared with.
    """
    sides: dict[tuple[str, str], list[tuple[str, float | None]]] = defaultdict(list)
    for vote in votes:
        if vote.first == vote.second:
            raise ValueError(f"a pair needs two arms; {vote.unit} was shown {vote.first!r} twice")
        arm, over = sorted((vote.first, vote.second), key=lambda name: (name == "original", name))
        won = None if vote.choice == "tie" else float((vote.choice == "first") == (vote.first == arm))
        sides[arm, over].append((vote.unit, won))
    return [
        _preference(arm, over, [(unit, won) for unit, won in found if won is not None], len(found), level)
        for (arm, over), found in sorted(sides.items())
    ]


def _preference(arm: str, over: str, decided: list[tuple[str, float]], votes: int, level: float) -> Preference:
    wins = int(sum(won for _, won in decided))
    number = len(decided)
    low, high = wilson(wins / number, number / _design_effect(decided), level) if number else (None, None)
    return Preference(
        arm=arm,
        over=over,
        wins=wins,
        losses=number - wins,
        ties=votes - number,
        share=Estimate(value=wins / number if number else None, low=low, high=high, n=number),
    )


def _design_effect(decided: Sequence[tuple[str, float]]) -> float:
    """How many votes count as one, at least 1."""
    by_unit: dict[str, list[float]] = defaultdict(list)
    for unit, won in decided:
        by_unit[unit].append(won)
    votes, units = len(decided), len(by_unit)
    share = sum(won for _, won in decided) / votes
    if units == votes:
        return 1.0
    if units < 2 or share in (0.0, 1.0):
        return votes / units  # no variance to compare with: a unit counts once
    residuals = [sum(found) - share * len(found) for found in by_unit.values()]
    between = units / (units - 1) * sum(residual**2 for residual in residuals) / votes**2
    return max(1.0, between / (share * (1 - share) / votes))


def wilson(share: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a share of ``n`` votes; ``n`` may be an effective number.

    Examples
    --------
    >>> tuple(round(bound, 4) for bound in wilson(0.7, 10))
    (0.3968, 0.8922)
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
