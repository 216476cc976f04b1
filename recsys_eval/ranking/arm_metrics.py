"""What arms are worth on the test impressions: metrics by slice, lifts with paired intervals, shares of the attainable.

The headline is ``wndcg@10``: NDCG@10 in which a click counts by the inverse examination of the place it was shown at
(:mod:`recsys_eval.ranking.examination`). ``ndcg@10`` and ``mrr`` are taken on the clicks as logged and favour
whatever order was shown: they are named biased wherever they appear. In the built-in world ``true ndcg@10`` is the
same as the headline with true click probabilities in place of weighted clicks: what the headline estimates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.arm_names import A_A, LOGGED, ORIGINAL, TRUE_COVERS, TRUE_ORIGINALS
from recsys_eval.metrics.ranking import request_metrics
from recsys_eval.metrics.within import auc
from recsys_eval.ranking.arms import Block
from recsys_eval.statistics.lift import Estimate, Ratios, estimate, resampled_ratios, user_sums

WEIGHTED, TRUE = "wndcg@10", "true ndcg@10"
RANK_METRICS = (WEIGHTED, "ndcg@10", "mrr", "gauc")
OVER_LOGGED = f"{WEIGHTED} over logged order"
"""Metric of the rows that compare an arm with the order in which the log showed the items."""
SHARE = "share of attainable"
"""Metric, after that of the lift, of rows that say how much of the attainable lift an arm reaches."""
LEAST_ATTAINABLE = 0.001
"""Attainable lift below which no share of it is told."""
MIN_SLICE_USERS = 50
"""A slice with fewer users is left out: its interval would say nothing."""


def metrics_of(test: Block) -> tuple[str, ...]:
    """Names of the metrics that can be taken on these impressions, in the order of their columns."""
    return RANK_METRICS if test.truth is None else (*RANK_METRICS, TRUE)


def metric_sums(test: Block, scores: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Per-user sums whose ratios are the metrics, both (n_users, n_metrics x n_scores).

    Columns are score by score in the order of :func:`metrics_of`. A request belongs to the user
    of its first impression; requests without a click are left out of NDCG and MRR, users without
    both a click and a skip out of GAUC, alike for all arms. The weighted metrics are sums of discounted gains over
    sums of gains.
    """
    users, user_code = np.unique(test.user, return_inverse=True)
    _, request_code = np.unique(test.request, return_inverse=True)
    _, first = np.unique(request_code, return_index=True)
    owner = user_code[first]
    impressions = np.bincount(user_code).astype(np.float64)
    gains = [test.clicked * test.weight] if test.truth is None else [test.clicked * test.weight, test.truth]
    ideal = [_sums(user_code, gain, users.size) for gain in gains]
    numerators, denominators = [], []

    def add(total: Floats, count: Floats) -> None:
        numerators.append(total)
        denominators.append(count)

    for values in scores:
        found = request_metrics(request_code, values, test.clicked, gains, k=10)
        gained = [_sums(owner, each, users.size) for each in found.discounted]
        add(gained[0], ideal[0])
        for per_request in (found.ndcg, found.reciprocal_rank):
            add(*user_sums(owner, per_request, users.size))
        area = auc(user_code, values, test.clicked)
        known = ~np.isnan(area)
        add(np.where(known, np.nan_to_num(area) * impressions, 0.0), np.where(known, impressions, 0.0))
        if test.truth is not None:
            add(gained[1], ideal[1])
    return np.stack(numerators, axis=1), np.stack(denominators, axis=1)


def _sums(code: Ints, values: Floats, size: int) -> Floats:
    """Sum of the values of each code, (size,)."""
    return np.bincount(code, weights=values, minlength=size).astype(np.float64)


class SliceSums:
    """:func:`metric_sums` of slices of the test impressions.

    A slice that takes or leaves whole users of an earlier one ranks the same requests: its rows are cut from that
    one's sums, and nothing is ranked again.

    Parameters
    ----------
    test
        The impressions.
    scores
        Of all arms and seeds, (n_test,) each.
    """

    def __init__(self, test: Block, scores: Sequence[Floats]) -> None:
        self._test, self._scores = test, scores
        self._ranked: list[tuple[Flags, tuple[Floats, Floats]]] = []

    def of(self, mask: Flags) -> tuple[Floats, Floats]:
        """Sums of the users of a slice, by user code, (n_users, n_metrics x n_scores) each."""
        for wider, (numerator, denominator) in self._ranked:
            kept = _whole_users(self._test.user, wider, mask)
            if kept is not None:
                return numerator[kept], denominator[kept]
        sums = metric_sums(self._test.where(mask), [values[mask] for values in self._scores])
        self._ranked.append((mask, sums))
        return sums


def _whole_users(user: Ints, wider: Flags, mask: Flags) -> Flags | None:
    """Which users of ``wider``, by code, ``mask`` takes; None where it is not in there or splits a user.

    Examples
    --------
    >>> user, every = np.array([0, 0, 3, 5]), np.ones(4, bool)
    >>> _whole_users(user, every, np.array([True, True, False, True])).tolist()
    [True, False, True]
    >>> _whole_users(user, every, np.array([True, False, False, False])) is None
    True
    """
    if (mask & ~wider).any():
        return None
    _, code = np.unique(user[wider], return_inverse=True)
    taken, rows = np.bincount(code, weights=mask[wider]), np.bincount(code)
    whole = ((taken == 0) | (taken == rows)).all()
    return np.asarray(taken > 0) if whole else None


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """Of the bootstrap over users and seeds."""

    resamples: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class ArmRatios:
    """Metrics of all arms in one slice under the same resamples."""

    ratios: Ratios
    columns: Mapping[tuple[str, str], int]
    """(arm, metric) -> column."""
    users: Mapping[str, int]
    """Metric -> users behind it."""

    def value(self, arm: str, metric: str) -> Estimate:
        """The metric of an arm."""
        return self.ratios.estimate(self.columns[arm, metric])

    def lift(self, arm: str, metric: str, base: str = ORIGINAL) -> Estimate:
        """Relative lift of an arm over another."""
        return self.ratios.lift(self.columns[arm, metric], self.columns[base, metric])

    def share(self, arm: str, metric: str) -> Estimate | None:
        """Lift of an arm as a share of the attainable one: that of true probabilities knowing the covers.

        The attainable lift is taken on true probabilities too, and so has no noise of clicks. None where it is below
        :data:`LEAST_ATTAINABLE`: there is nothing to have a share of.
        """
        if self.lift(TRUE_COVERS, TRUE, TRUE_ORIGINALS).value < LEAST_ATTAINABLE:
            return None
        column = self.columns
        arms = (column[arm, metric], column[ORIGINAL, metric])
        truth = (column[TRUE_COVERS, TRUE], column[TRUE_ORIGINALS, TRUE])

        def ratio(values: Floats) -> Floats:
            with np.errstate(divide="ignore", invalid="ignore"):
                won = values[..., arms[0]] / values[..., arms[1]] - 1.0
                return np.asarray(won / (values[..., truth[0]] / values[..., truth[1]] - 1.0), np.float64)

        return estimate(float(ratio(self.ratios.value)), ratio(self.ratios.draws), null=0.0)


def compare_arms(
    ranker: str, test: Block, scores: Mapping[str, Floats], slices: Mapping[str, Flags], resampling: Resampling
) -> list[dict[str, Any]]:
    """Rows of ranking_lift: every metric of every arm in every slice, lift relative to ``original``.

    A metric is the mean over seeds. Its interval resamples users and, independently, seeds (Owen, "The
    pigeonhole bootstrap", AOAS 2007): with users alone, two trainings of one and the same ranker
    differed "significantly" in a quarter of trials.

    Parameters
    ----------
    ranker
        Name in the results, such as ``lambdarank-log``.
    test
        The impressions.
    scores
        Arm name to (n_seeds, n_test) scores; ``original`` is among them. Where ``logged order`` is, further rows
        compare every arm with it; where the true probabilities are, lifts are shares of theirs too.
    slices
        Slice name to (n_test,) mask; metrics rank what is left of each request.
    resampling
        Number of resamples and seed. All arms share them; A/A, whose seeds are others, draws its own.
    """
    rows: list[dict[str, Any]] = []
    metrics = metrics_of(test)
    sums = SliceSums(test, [values for arm in scores.values() for values in arm])
    for slice_name, mask in slices.items():
        if np.unique(test.user[mask]).size < MIN_SLICE_USERS or not test.clicked[mask].any():
            continue
        found = resampled_arms(sums.of(mask), scores, metrics, resampling)
        rows += [{"ranker": ranker, "slice": slice_name, **row} for row in _rows(found, list(scores), metrics)]
    return rows


def _rows(found: ArmRatios, arms: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for arm in arms:
        for metric in metrics:
            if found.users[metric]:
                lift = None if arm == ORIGINAL else found.lift(arm, metric)
                rows.append(_row(arm, metric, found, lift))
        if LOGGED in arms and arm != LOGGED:
            rows.append(_row(arm, WEIGHTED, found, found.lift(arm, WEIGHTED, LOGGED), name=OVER_LOGGED))
        if TRUE_COVERS in arms and arm not in (ORIGINAL, LOGGED, TRUE_ORIGINALS):
            shares = {metric: found.share(arm, metric) for metric in (WEIGHTED, TRUE)}
            for metric, share in shares.items():
                if share is not None:
                    row = _row(arm, metric, found, None, name=f"{metric}, {SHARE}")
                    rows.append({**row, "value": share.value, "low": share.low, "high": share.high, "p": share.p})
    return rows


def _row(arm: str, metric: str, found: ArmRatios, lift: Estimate | None, name: str = "") -> dict[str, Any]:
    """Value of an arm and its lift with interval, p and minimum detectable effect; None where it has no lift."""
    return {
        "metric": name or metric,
        "arm": arm,
        "users": found.users[metric],
        "value": found.value(arm, metric).value,
        "lift": lift.value if lift else None,
        "low": lift.low if lift else None,
        "high": lift.high if lift else None,
        "p": lift.p if lift else None,
        "detectable": lift.detectable if lift else None,
    }


def resampled_arms(
    sums: tuple[Floats, Floats], scores: Mapping[str, Floats], metrics: Sequence[str], resampling: Resampling
) -> ArmRatios:
    """Metrics of all arms, arm by arm, with their draws, and users behind each metric.

    Parameters
    ----------
    sums
        Numerators and denominators, (n_users, n_scores x n_metrics) each, score by score.
    scores
        Arm to (n_seeds, n) scores, in the order of the columns; A/A draws its own seeds.
    metrics
        Names of the columns of one score.
    resampling
        Of users and seeds.
    """
    numerator, denominator = sums
    found = resampled_ratios(numerator, denominator, resamples=resampling.resamples, seed=resampling.seed)
    values, draws = [], []
    start, width = 0, len(metrics)
    for arm, arm_scores in scores.items():
        n_seeds = len(arm_scores)
        stop = start + n_seeds * width
        rng = np.random.default_rng([resampling.seed, arm == A_A])
        weight = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=resampling.resamples) / n_seeds
        values.append(found.value[start:stop].reshape(n_seeds, -1).mean(axis=0))
        draws.append(np.einsum("bs,bsm->bm", weight, found.draws[:, start:stop].reshape(len(weight), n_seeds, -1)))
        start = stop
    users = (denominator[:, :width] > 0).sum(axis=0)
    return ArmRatios(
        ratios=Ratios(value=np.concatenate(values), draws=np.concatenate(draws, axis=1)),
        columns={
            (arm, metric): number * width + place
            for number, arm in enumerate(scores)
            for place, metric in enumerate(metrics)
        },
        users={metric: int(count) for metric, count in zip(metrics, users, strict=True)},
    )
