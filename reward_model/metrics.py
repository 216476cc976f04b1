"""How good a click probability is, with intervals from resampled users.

Impressions of one user are not independent, so intervals resample users, not rows
(Deng et al., "Applying the Delta Method in Metric Analytics", KDD 2018, discusses why).
One resample is a multinomial weight per user; every metric is computed for many weight
vectors at once, and two models share the same weights, so that their difference is paired.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.lake.arrays import Floats, Ints

RESAMPLES_AT_ONCE = 25
"""Weight vectors computed together: bounds memory at 25 x n_rows numbers."""
KEPT_WEIGHTS = 8_000_000
"""Weights of one bootstrap that are kept for the next with the same users, resamples and seed: 32 MB."""
CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its percentile interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def user_auc(user: npt.NDArray[Any], clicked: npt.NDArray[Any], score: Floats) -> tuple[Floats, Floats]:
    """Area under the ROC curve within each user; ties count a half.

    Parameters
    ----------
    user
        ``(n_rows,)`` numbers of users, 0 to n_users - 1.
    clicked, score
        ``(n_rows,)``.

    Returns
    -------
    auc
        ``(n_users,)``; nan where a user has only clicks or only skips.
    impressions
        ``(n_users,)`` rows of the user, 0 where its AUC is undefined: the weights of GAUC.

    Examples
    --------
    >>> auc, n = user_auc(np.array([0, 0, 0]), np.array([1, 0, 0]), np.array([0.5, 0.5, 0.1]))
    >>> auc.tolist(), n.tolist()
    ([0.75], [3.0])
    """
    order = np.lexsort((score, user))
    user, clicked, score = user[order], clicked[order].astype(np.float64), score[order]
    n_users = int(user[-1]) + 1 if len(user) else 0
    total = np.bincount(user, minlength=n_users).astype(np.float64)
    clicks = np.bincount(user, weights=clicked, minlength=n_users)
    begins = np.ones(len(user), bool)
    begins[1:] = (user[1:] != user[:-1]) | (score[1:] != score[:-1])
    group = np.cumsum(begins) - 1
    start = np.flatnonzero(begins)
    size = np.diff(np.append(start, len(user)))
    first_of_user = np.cumsum(total) - total
    rank = (start + (size + 1) / 2)[group] - first_of_user[user]
    ranks = np.bincount(user, weights=rank * clicked, minlength=n_users)
    pairs = clicks * (total - clicks)
    defined = pairs > 0
    wins = ranks - clicks * (clicks + 1) / 2
    auc = np.divide(wins, pairs, out=np.full(n_users, np.nan), where=defined)
    return auc, np.where(defined, total, 0.0)


def calibration_bins(clicked: npt.NDArray[Any], probability: Floats, bins: int = CALIBRATION_BINS) -> npt.NDArray[Any]:
    """Bin of each row when rows are cut into bins of equal mass by probability; ``(n_rows,)`` int."""
    place = np.empty(len(clicked), np.int64)
    place[np.argsort(probability, kind="stable")] = np.arange(len(clicked))
    return np.asarray(place * bins // max(len(clicked), 1))


def reliability(clicked: npt.NDArray[Any], probability: Floats, bins: int = CALIBRATION_BINS) -> list[dict[str, float]]:
    """The reliability curve: per bin of equal mass the mean prediction, the click rate and the rows."""
    number = calibration_bins(clicked, probability, bins)
    size = np.bincount(number, minlength=bins)
    predicted = np.bincount(number, weights=probability, minlength=bins)
    observed = np.bincount(number, weights=clicked.astype(np.float64), minlength=bins)
    return [
        {"predicted": float(p / n), "observed": float(o / n), "rows": int(n)}
        for p, o, n in zip(predicted, observed, size, strict=True)
        if n
    ]


def user_weights(n_users: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Multinomial weights of users, ``(at most 25, n_users)`` at a time; the first row is all ones.

    The same users, resamples and seed give the same weights; up to :data:`KEPT_WEIGHTS` of them are drawn once.

    Raises
    ------
    ValueError
        When there are no users.
    """
    if n_users < 1:
        raise ValueError("no users to resample: the rows to measure are empty")
    yield np.ones((1, n_users))
    if n_users * resamples <= KEPT_WEIGHTS:
        parts: Iterable[npt.NDArray[Any]] = _kept_draws(n_users, resamples, seed)
    else:
        parts = _draws(n_users, resamples, seed)
    for counts in parts:
        yield counts.astype(np.float64)


def _draws(n_users: int, resamples: int, seed: int) -> Iterator[Ints]:
    """How often each user is drawn, ``(at most 25, n_users)`` at a time."""
    generator = np.random.default_rng(seed)
    even = np.full(n_users, 1 / n_users)
    for done in range(0, resamples, RESAMPLES_AT_ONCE):
        yield generator.multinomial(n_users, even, size=min(RESAMPLES_AT_ONCE, resamples - done))


@lru_cache(maxsize=8)
def _kept_draws(n_users: int, resamples: int, seed: int) -> list[npt.NDArray[np.uint32]]:
    return [counts.astype(np.uint32) for counts in _draws(n_users, resamples, seed)]


Statistic = Callable[[Floats], Floats]
"""``(n_resamples, n_users)`` weights to ``(n_resamples,)`` values."""


def gauc_statistic(user: npt.NDArray[Any], clicked: npt.NDArray[Any], score: Floats, n_users: int) -> Statistic:
    """GAUC: mean AUC within users, weighted by impressions, over users with both classes.

    Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017.
    """
    auc, rows = user_auc(user, clicked, score)
    auc = np.nan_to_num(np.pad(auc, (0, n_users - len(auc))))
    rows = np.pad(rows, (0, n_users - len(rows)))
    return lambda weights: (weights @ (auc * rows)) / (weights @ rows)


def auc_statistic(user: npt.NDArray[Any], clicked: npt.NDArray[Any], score: Floats) -> Statistic:
    """Area under the ROC curve over all rows; ties count a half."""
    order = np.argsort(score, kind="stable")
    begins = np.ones(len(order), bool)
    begins[1:] = score[order][1:] != score[order][:-1]
    start = np.flatnonzero(begins)
    user, hit = user[order], clicked[order].astype(np.float64)

    def value(weights: Floats) -> Floats:
        row = weights[:, user]
        positive = np.add.reduceat(row * hit, start, axis=1)
        negative = np.add.reduceat(row * (1 - hit), start, axis=1)
        below = np.cumsum(negative, axis=1) - negative
        wins = (positive * (below + negative / 2)).sum(axis=1)
        return np.asarray(wins / (positive.sum(axis=1) * negative.sum(axis=1)))

    return value


def log_loss_statistic(
    user: npt.NDArray[Any], clicked: npt.NDArray[Any], probability: Floats, n_users: int
) -> Statistic:
    """Mean negative log likelihood in nats."""
    bounded = np.clip(probability, 1e-7, 1 - 1e-7)
    loss = -np.where(clicked, np.log(bounded), np.log1p(-bounded))
    lost = np.bincount(user, weights=loss, minlength=n_users)
    rows = np.bincount(user, minlength=n_users).astype(np.float64)
    return lambda weights: (weights @ lost) / (weights @ rows)


def ece_statistic(user: npt.NDArray[Any], clicked: npt.NDArray[Any], probability: Floats, n_users: int) -> Statistic:
    """Expected calibration error over 15 bins of equal mass.

    ``sum_b |sum_{i in b} (y_i - p_i)| / n`` (Naeini et al., "Obtaining Well Calibrated
    Probabilities Using Bayesian Binning", AAAI 2015, with bins of equal mass).
    """
    cell = user * CALIBRATION_BINS + calibration_bins(clicked, probability)
    gap = np.bincount(cell, weights=clicked - probability, minlength=n_users * CALIBRATION_BINS)
    gaps = gap.reshape(n_users, CALIBRATION_BINS)
    rows = np.bincount(user, minlength=n_users).astype(np.float64)
    return lambda weights: np.abs(weights @ gaps).sum(axis=1) / (weights @ rows)


def measure(
    user: npt.NDArray[Any],
    clicked: npt.NDArray[Any],
    predictions: dict[str, Floats],
    *,
    pairs: Sequence[tuple[str, str]] = (),
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Interval]]:
    """AUC, GAUC, log loss and ECE of several models on the same rows, with 95 % intervals.

    Parameters
    ----------
    user
        ``(n_rows,)`` ids of users, of any kind.
    clicked
        ``(n_rows,)`` bool.
    predictions
        Model name -> ``(n_rows,)`` probabilities.
    pairs
        Pairs of model names; the paired difference first - second appears under
        ``"first - second"``.
    resamples
        Bootstrap resamples of users.

    Returns
    -------
    dict
        Model or pair -> metric -> interval; metrics are ``auc``, ``gauc``, ``log_loss`` and ``ece``.
    """
    names, number = np.unique(user, return_inverse=True)
    statistics = {
        (model, metric): statistic
        for model, probability in predictions.items()
        for metric, statistic in _statistics(number, clicked, probability, len(names)).items()
    }
    drawn: dict[tuple[str, str], list[Floats]] = {key: [] for key in statistics}
    for weights in user_weights(len(names), resamples, seed):
        for key, statistic in statistics.items():
            drawn[key].append(statistic(weights))
    values = {key: np.concatenate(parts) for key, parts in drawn.items()}
    for first, second in pairs:
        for metric in ("auc", "gauc", "log_loss", "ece"):
            values[f"{first} - {second}", metric] = values[first, metric] - values[second, metric]
    result: dict[str, dict[str, Interval]] = {}
    for (model, metric), drawn_values in values.items():
        result.setdefault(model, {})[metric] = _interval(drawn_values)
    return result


def _statistics(
    user: npt.NDArray[Any], clicked: npt.NDArray[Any], probability: Floats, n_users: int
) -> dict[str, Statistic]:
    return {
        "auc": auc_statistic(user, clicked, probability),
        "gauc": gauc_statistic(user, clicked, probability, n_users),
        "log_loss": log_loss_statistic(user, clicked, probability, n_users),
        "ece": ece_statistic(user, clicked, probability, n_users),
    }


def _interval(values: Floats) -> Interval:
    """The first value is that of the sample itself; the others are resamples."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Interval(value=float(values[0]), low=float(low), high=float(high))


def log_loss(clicked: npt.NDArray[Any], probability: Floats) -> float:
    """Mean negative log likelihood in nats.

    Examples
    --------
    >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    bounded = np.clip(probability, 1e-7, 1 - 1e-7)
    return float(-np.where(clicked, np.log(bounded), np.log1p(-bounded)).mean())
