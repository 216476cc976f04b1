"""How far a figure lies from the nights before it, and whether that is told or ends the night."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, ks_2samp, median_abs_deviation

from conf.drift import DriftLimits, DriftSettings
from jobs.drift.figure import Judged, Verdict

CHANCE = 0.001
"""A distance that at most this share of nights would show by chance alone is told, a smaller one never."""
PSEUDOCOUNT = 0.5
"""Added to each bin, so that the logarithm of an empty one is finite, and says less where there are few rows."""
RELATIVE, OF_SHARES = 0.01, 0.001
"""Deviations are taken to be at least this part of the median; those of shares at least a tenth of a per cent: a
figure that never moved is not far off at its first tremor."""


def limits_of(figure: str, kind: DriftLimits, settings: DriftSettings) -> DriftLimits:
    """The figure's own limits, or those of its kind."""
    return settings.figures.get(figure, kind)


def verdict_of(score: float, limits: DriftLimits) -> Verdict:
    """What a distance means.

    Examples
    --------
    >>> [verdict_of(score, DriftLimits(warn=2.0, stop=9.0)) for score in (2.0, 2.1, 10.0)]
    ['usual', 'warn', 'stop']
    """
    if limits.stop is not None and score > limits.stop:
        return "stop"
    return "warn" if limits.warn is not None and score > limits.warn else "usual"


def judge_value(figure: str, value: float, before: Sequence[float], settings: DriftSettings) -> Judged:
    """A figure, 0 or more, beside its values of the nights before, by a robust z.

    ``|value - median| / (1.4826 MAD)``, the modified z-score of B. Iglewicz and D. Hoaglin, How to Detect and Handle
    Outliers, 1993: as many bad nights as not, but one, leave it as it is.
    """
    limits = limits_of(figure, settings.robust_z, settings)
    middle = float(np.median(before))
    spread = float(median_abs_deviation(before, scale="normal"))
    spread = max(spread, RELATIVE * abs(middle), OF_SHARES if figure.endswith("_share") else 0.0)
    apart = abs(value - middle)
    score = apart / spread if spread else float("inf") if apart else 0.0
    limit = limits.stop if limits.warn is None else limits.warn
    reach = None if limit is None else limit * spread
    return Judged(
        figure=figure,
        value=value,
        usual=middle,
        low=None if reach is None else max(0.0, middle - reach),
        high=None if reach is None else middle + reach,
        score=score,
        nights=len(before),
        verdict=verdict_of(score, limits),
    )


def judge_gross(figure: str, value: float, before: Sequence[float], settings: DriftSettings) -> Judged:
    """The same, for figures that end a night when they are grossly wrong: too few rows, no clicks at all."""
    found = judge_value(figure, value, before, settings)
    middle = float(np.median(before))
    few = settings.least_rows_share
    broken_off = figure == "rows" and few is not None and value < few * middle
    unclicked = figure == "clicked_share" and settings.stop_without_clicks and value == 0.0 < middle
    return Judged(**{**vars(found), "verdict": "stop"}) if broken_off or unclicked else found


def judge_shares(
    figure: str, now: Sequence[float], before: Sequence[float], nights: int, settings: DriftSettings
) -> Judged:
    """Counts by bin beside those of the nights before, by the population stability index.

    ``sum (p - q) ln(p / q)`` over bins. Without a shift it is about ``chi2(bins - 1) (1/n + 1/m)`` for n and m rows
    (B. Yurdakul, Statistical Properties of Population Stability Index, 2018), so that few rows are not called a shift.
    """
    limits = limits_of(figure, settings.population_stability, settings)
    by_chance = float(chi2.ppf(1 - CHANCE, max(1, len(now) - 1)) * (1 / sum(now) + 1 / sum(before)))
    return _one_sided(figure, stability_index(now, before), limits, by_chance, nights)


def stability_index(now: Sequence[float], before: Sequence[float]) -> float:
    """The population stability index of two rows of counts.

    Examples
    --------
    >>> round(stability_index([29.5, 69.5], [49.5, 49.5]), 4)  # -0.2 ln 0.6 + 0.2 ln 1.4
    0.1695
    """
    first, second = (_shares(np.asarray(counts, float)) for counts in (now, before))
    return float(((first - second) * np.log(first / second)).sum())


def _shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((counts + PSEUDOCOUNT) / (counts + PSEUDOCOUNT).sum())


def judge_scores(
    figure: str, now: npt.NDArray[np.float64], before: npt.NDArray[np.float64], nights: int, settings: DriftSettings
) -> Judged:
    """Scores of single rows beside those of the nights before, by the Kolmogorov-Smirnov distance."""
    limits = limits_of(figure, settings.kolmogorov_smirnov, settings)
    found = ks_2samp(now, before)
    by_chance = 1.0 if found.pvalue > CHANCE else 0.0
    return _one_sided(figure, float(found.statistic), limits, by_chance, nights)


def _one_sided(figure: str, score: float, limits: DriftLimits, by_chance: float, nights: int) -> Judged:
    """A distance that is 0 at best; what chance alone may make is usual."""
    verdict = verdict_of(score, limits) if score > by_chance else "usual"
    limit = limits.stop if limits.warn is None else limits.warn
    high = None if limit is None else max(limit, by_chance)
    return Judged(figure=figure, value=score, low=0.0, high=high, score=score, nights=nights, verdict=verdict)


def shares_by(prefix: str, figures: Sequence[Mapping[str, float]]) -> tuple[list[str], list[list[float]]]:
    """Counts behind the shares whose names begin so, one list a night, over the bins that any of them has."""
    names = sorted({name for each in figures for name in each if name.startswith(prefix)})
    return names, [[each.get(name, 0.0) * each["requests"] for name in names] for each in figures]
