"""Rankers with and without generated covers, compared on the same impressions.

Every arm is the same ranker on the same rows; they differ in what they know of covers:

- ``original``: user, item, default cover and the cover shown; where the others have columns of a
  generated cover it has the default's, so that no arm wins by having more columns to sample from;
- ``generated``: the cover generated for the item and the user's segment;
- ``shuffled``: the same columns, of another segment's cover;
- ``unpersonalised``: the same columns, of a cover painted without any preference;
- ``a/a``: ``original`` again with other seeds: what lift is made of nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.arm_names import A_A, ORIGINAL
from recsys_eval.ranking.cover_assignment import CoverAssignment
from recsys_eval.ranking.features import ImpressionFeatures
from recsys_eval.ranking.metrics import auc, ndcg_and_reciprocal_rank
from recsys_eval.ranking.rankers import Labelled, RankerSettings, fit, score
from recsys_eval.statistics.lift import Ratios, resampled_ratios, user_sums

AA_SEED_OFFSET = 1000
"""A/A differs from ``original`` by seeds that no other arm uses."""
RANK_METRICS = ("ndcg@10", "mrr", "gauc")
ARMS_AT_ONCE = 2
"""Arms trained side by side, each by one thread; LightGBM lets go of Python's lock."""
MIN_SLICE_USERS = 50
"""A slice with fewer users is left out: its interval would say nothing."""

Progress = Callable[[str], None]


def no_progress(what: str) -> None:
    """Progress that shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Impressions as every arm sees them. ``n`` rows, ordered by request."""

    user: Ints
    request: Ints
    position: Ints
    clicked: Flags
    columns: Mapping[str, Floats]
    """Arm name -> (n, n_features); ``original`` is among them."""

    def __len__(self) -> int:
        return len(self.clicked)

    def where(self, mask: Flags) -> "Block":
        """Some of the rows."""
        return Block(
            user=self.user[mask],
            request=self.request[mask],
            position=self.position[mask],
            clicked=self.clicked[mask],
            columns={name: values[mask] for name, values in self.columns.items()},
        )


def arm_block(
    impressions: ImpressionFeatures, assignments: Mapping[str, CoverAssignment], treated: Flags | None = None
) -> Block:
    """Columns of every arm for some impressions.

    Parameters
    ----------
    impressions
        The impressions.
    assignments
        Arm name to the covers it is told of; ``original`` needs none.
    treated
        (n,) impressions whose feed shows the assigned cover. Then ``original`` believes that the default
        is shown, the other arms that treated users are shown theirs. None: the log as it was, and
        all arms know the logged cover.
    """
    found = {name: assignment.of(impressions) for name, assignment in assignments.items()}
    believed = impressions.logged_row if treated is None else impressions.default_row
    impressions.score([impressions.default_row, believed, *(rows for rows, _ in found.values())])
    plain = np.hstack([impressions.base, impressions.shown(believed)])
    nothing = np.zeros(len(impressions), np.int64)
    columns = {ORIGINAL: np.hstack([plain, impressions.assigned(nothing, np.ones(len(impressions)))])}
    for name, (rows, relevance) in found.items():
        known = plain
        if treated is not None:
            feed = np.where(treated & (rows > 0), rows, impressions.default_row)
            known = np.hstack([impressions.base, impressions.shown(feed)])
        columns[name] = np.hstack([known, impressions.assigned(rows, relevance)])
    return Block(
        user=impressions.user,
        request=impressions.request,
        position=impressions.position,
        clicked=impressions.clicked,
        columns=columns,
    )


def score_arms(
    train: Block, test: Block, settings: RankerSettings, progress: Progress = no_progress
) -> dict[str, Floats]:
    """Train every arm that both blocks have, and A/A, and score the test impressions, (n_seeds, n_test) each."""
    other_seeds = replace(settings, seeds=tuple(seed + AA_SEED_OFFSET for seed in settings.seeds))
    arms = [(name, name, settings) for name in test.columns if name in train.columns]
    arms.insert(1, (A_A, ORIGINAL, other_seeds))

    def one(name: str, columns: str, chosen: RankerSettings) -> Floats:
        progress(name)
        rows = Labelled(
            columns=train.columns[columns], clicked=train.clicked, request=train.request, position=train.position
        )
        return score(fit(rows, chosen), test.columns[columns], threads=chosen.threads)

    with ThreadPoolExecutor(ARMS_AT_ONCE) as pool:
        found = [pool.submit(one, *arm) for arm in arms]
        return {arm[0]: future.result() for arm, future in zip(arms, found, strict=True)}


def metric_sums(user: Ints, request: Ints, clicked: Flags, scores: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Per-user sums whose ratios are the metrics, both (n_users, 3 x n_scores).

    Columns are score by score in the order of :data:`RANK_METRICS`. A request belongs to the user
    of its first impression; requests without a click are left out of NDCG and MRR, users without
    both a click and a skip out of GAUC, alike for all arms.
    """
    users, user_code = np.unique(user, return_inverse=True)
    _, request_code = np.unique(request, return_inverse=True)
    _, first = np.unique(request_code, return_index=True)
    owner = user_code[first]
    impressions = np.bincount(user_code).astype(np.float64)
    numerators, denominators = [], []
    for values in scores:
        for per_request in ndcg_and_reciprocal_rank(request_code, values, clicked, k=10):
            total, count = user_sums(owner, per_request, users.size)
            numerators.append(total)
            denominators.append(count)
        area = auc(user_code, values, clicked)
        known = ~np.isnan(area)
        numerators.append(np.where(known, np.nan_to_num(area) * impressions, 0.0))
        denominators.append(np.where(known, impressions, 0.0))
    return np.stack(numerators, axis=1), np.stack(denominators, axis=1)


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
        """Sums of the users of a slice, by user code, (n_users, 3 x n_scores) each."""
        test = self._test
        for wider, (numerator, denominator) in self._ranked:
            kept = _whole_users(test.user, wider, mask)
            if kept is not None:
                return numerator[kept], denominator[kept]
        scores = [values[mask] for values in self._scores]
        sums = metric_sums(test.user[mask], test.request[mask], test.clicked[mask], scores)
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
        Arm name to (n_seeds, n_test) scores; ``original`` is among them.
    slices
        Slice name to (n_test,) mask; metrics rank what is left of each request.
    resampling
        Number of resamples and seed. All arms share them; A/A, whose seeds are others, draws its own.
    """
    rows: list[dict[str, Any]] = []
    sums = SliceSums(test, [values for arm in scores.values() for values in arm])
    for slice_name, mask in slices.items():
        if np.unique(test.user[mask]).size < MIN_SLICE_USERS or not test.clicked[mask].any():
            continue
        ratios, users = _resampled(sums.of(mask), scores, resampling)
        base = list(scores).index(ORIGINAL) * len(RANK_METRICS)
        for arm_number, arm in enumerate(scores):
            for metric_number, metric in enumerate(RANK_METRICS):
                if not users[metric_number]:
                    continue
                column = arm_number * len(RANK_METRICS) + metric_number
                row = {"metric": metric, "ranker": ranker, "arm": arm, "slice": slice_name}
                figures = _figures(ratios, column, base + metric_number)
                rows.append({**row, "users": int(users[metric_number]), **figures})
    return rows


def _resampled(
    sums: tuple[Floats, Floats], scores: Mapping[str, Floats], resampling: Resampling
) -> tuple[Ratios, Ints]:
    """Metrics of all arms, arm by arm, with their draws, and users behind each metric."""
    numerator, denominator = sums
    found = resampled_ratios(numerator, denominator, resamples=resampling.resamples, seed=resampling.seed)
    values, draws = [], []
    start = 0
    for arm, arm_scores in scores.items():
        n_seeds = len(arm_scores)
        stop = start + n_seeds * len(RANK_METRICS)
        rng = np.random.default_rng([resampling.seed, arm == A_A])
        weight = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=resampling.resamples) / n_seeds
        values.append(found.value[start:stop].reshape(n_seeds, -1).mean(axis=0))
        draws.append(np.einsum("bs,bsm->bm", weight, found.draws[:, start:stop].reshape(len(weight), n_seeds, -1)))
        start = stop
    users = (denominator[:, : len(RANK_METRICS)] > 0).sum(axis=0)
    return Ratios(value=np.concatenate(values), draws=np.concatenate(draws, axis=1)), users


def _figures(ratios: Ratios, column: int, base: int) -> dict[str, float | None]:
    """Value and, for any arm but the base, lift with its interval and p."""
    if column == base:
        return {"value": float(ratios.value[column]), "lift": None, "low": None, "high": None, "p": None}
    lift = ratios.lift(column, base)
    return {
        "value": float(ratios.value[column]),
        "lift": lift.value,
        "low": lift.low,
        "high": lift.high,
        "p": lift.p,
    }
