"""LightGBM LambdaRank with position debiasing, once per named seed.

LambdaRank: Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82. Position
debiasing: LightGBM learns an additive score per logged position beside the trees and drops
it when scoring (``position`` of ``Dataset``; Hu et al., "Unbiased LambdaMART", WWW 2019,
has the idea), so position is never a feature.

Boosting starts from the logit of a click model where there is one: trees on a week of clicks would first have to
learn again, and worse, what that model knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class RankerSettings:
    """A moderately regularised ranker."""

    trees: int = 15
    seeds: tuple[int, ...] = (31, 32, 33, 34, 35)
    """Of bagging and feature sampling; metrics are averaged over them, and intervals resample them."""
    threads: int = 1
    """One: a night's boosters take under a second each, and two OpenMP threads that wait for each other
    on a busy machine took sixteen."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Training rows, contiguous by request. ``n`` rows."""

    columns: Floats
    """(n, n_features); NaN is missing."""
    clicked: Flags
    request: Ints
    """(n,) non-decreasing codes."""
    position: Ints
    """(n,) from 1."""
    start: Floats | None = None
    """(n,) scores that boosting starts from; None starts from nothing."""

    def __post_init__(self) -> None:
        """Check the order that LightGBM relies on."""
        if self.request.size and (np.diff(self.request) < 0).any():
            raise ValueError("rows must be ordered by request: LightGBM reads groups as runs of rows")


def useful_rows(request: Ints, clicked: Flags) -> Flags:
    """(n,) rows of requests with both a click and a skip: the others make no pairs to learn from."""
    size = np.bincount(request)
    clicks = np.bincount(request, weights=clicked)
    return np.asarray(((clicks > 0) & (clicks < size))[request])


def fit(rows: Labelled, settings: RankerSettings) -> list[lgb.Booster]:
    """One booster a seed, on the same binned data.

    Raises
    ------
    ValueError
        No request has both a click and a skip.
    """
    kept = useful_rows(rows.request, rows.clicked)
    if not kept.any():
        raise ValueError("no request has both a click and a skip: there is no order to learn; add training days")
    _, sizes = np.unique(rows.request[kept], return_counts=True)
    fixed = {
        "objective": "lambdarank",
        "verbosity": -1,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_row_wise": True,
        "num_leaves": 15,
        "min_data_in_leaf": 80,
        "learning_rate": 0.06,
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambdarank_truncation_level": 10,
        "max_bin": 127,
    }
    data = lgb.Dataset(
        rows.columns[kept],
        label=rows.clicked[kept].astype(np.int32),
        group=sizes,
        position=rows.position[kept].astype(np.int32),
        init_score=None if rows.start is None else rows.start[kept],
        params=fixed,
        free_raw_data=False,
    )
    return [lgb.train({**fixed, "seed": seed}, data, num_boost_round=settings.trees) for seed in settings.seeds]


def score(boosters: Sequence[lgb.Booster], columns: Floats, *, start: Floats | None = None, threads: int = 1) -> Floats:
    """Scores of every booster, (n_boosters, n); higher is better, position plays no part.

    Parameters
    ----------
    boosters, columns
        As trained, and (n, n_features).
    start
        (n,) what boosting started from: LightGBM leaves it out of its predictions.
    threads
        Of LightGBM.
    """
    grown = np.stack([np.asarray(booster.predict(columns, num_threads=threads), np.float64) for booster in boosters])
    return grown if start is None else grown + start
