"""Every metric of a ranker's scores in a table: ``coverlift study ranker --table FILE``.

For a team that has a ranker of its own: its scores on a log, measured by the yardsticks of the report.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from conf.errors import ContractError, UsageError
from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.metrics import ranking
from recsys_eval.metrics.catalogue import coverage, mean_inverse_user_frequency, on_top
from recsys_eval.metrics.probability import probability_metrics
from recsys_eval.metrics.within import auc
from recsys_eval.statistics.lift import Estimate, resampled_ratios, user_sums

PER_REQUEST: dict[str, Callable[..., Floats]] = {
    "ndcg": ranking.ndcg,
    "map": ranking.average_precision,
    "precision": ranking.precision,
    "recall": ranking.recall,
    "hit rate": ranking.hit_rate,
}
"""Metrics of the first k ranks."""


@dataclass(frozen=True, kw_only=True)
class RankerTable:
    """Options of :func:`ranker`."""

    table: Path
    """Parquet, CSV or Arrow file with a row an impression."""
    user: str = "user_id"
    request: str = "request_id"
    """Column of requests; a user's rows are one request where there is none."""
    item: str = "item_id"
    clicked: str = "clicked"
    score: str = "score"
    """Higher is better."""
    k: int = 10
    resamples: int = 1000
    """Of the bootstrap over users."""
    seed: int = 79


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One metric."""

    metric: str
    found: Estimate


def read_table(path: Path) -> pl.DataFrame:
    """A table of any of the three formats.

    Raises
    ------
    UsageError
        There is no such file, or its ending is none of them.
    ContractError
        It can't be read.
    """
    if not path.is_file():
        raise UsageError(f"{path} is not there")
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": pl.read_parquet,
        ".csv": pl.read_csv,
        ".arrow": pl.read_ipc,
        ".feather": pl.read_ipc,
    }
    if path.suffix not in readers:
        raise UsageError(f"{path} must end in one of {', '.join(readers)}")
    try:
        return readers[path.suffix](path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ContractError(f"{path} can't be read: {error}") from error


def measured(table: pl.DataFrame | pa.Table, options: RankerTable) -> list[Measured]:
    """Every metric with its interval over resampled users; those of probabilities where scores lie in [0, 1].

    Parameters
    ----------
    table
        Arrow or Polars, a row an impression, with the columns that ``options`` names.

    Raises
    ------
    ContractError
        A column is missing or has a null, a click is neither 0 nor 1, a score is not finite, or there is no row.
    """
    frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(pl.from_arrow(table))
    user, request, item, clicked, score = _columns(frame, options)
    _, first = np.unique(request, return_index=True)
    owner, n_users = user[first], int(user.max()) + 1
    names, tops, bottoms = [], [], []

    def add(name: str, of: Ints, values: Floats, weight: Floats | None = None) -> None:
        names.append(name)
        if weight is not None:
            known = ~np.isnan(values)
            tops.append(np.where(known, np.nan_to_num(values) * weight, 0.0))
            bottoms.append(np.where(known, weight, 0.0))
            return
        top, bottom = user_sums(of, values, n_users)
        tops.append(top)
        bottoms.append(bottom)

    for name, metric in PER_REQUEST.items():
        add(f"{name}@{options.k}", owner, metric(request, score, clicked, k=options.k))
    add("mrr", owner, ranking.reciprocal_rank(request, score, clicked))
    add("gauc", np.arange(n_users), auc(user, score, clicked), np.bincount(user).astype(np.float64))
    top = on_top(request, score, k=options.k)
    pairs = np.unique(np.stack([item, user]), axis=1)
    known = mean_inverse_user_frequency(request, item, top, np.bincount(pairs[0]), n_users)
    add(f"novelty@{options.k} (bits)", owner, known)
    ratios = resampled_ratios(
        np.stack(tops, axis=1), np.stack(bottoms, axis=1), resamples=options.resamples, seed=options.seed
    )
    found = [Measured(metric=name, found=ratios.estimate(place)) for place, name in enumerate(names)]
    plain = {f"coverage@{options.k}": coverage(item, top, int(item.max()) + 1)}
    if score.min() >= 0 and score.max() <= 1:
        told = vars(probability_metrics(clicked, score))
        plain.update({name.replace("_", " "): value for name, value in told.items()})
    nan = float("nan")
    return found + [
        Measured(metric=name, found=Estimate(value=value, low=nan, high=nan)) for name, value in plain.items()
    ]


def _columns(frame: pl.DataFrame, options: RankerTable) -> tuple[Ints, Ints, Ints, Flags, Floats]:
    """User, request and item as codes, clicks and scores, (n,) each."""
    wanted = [options.user, options.item, options.clicked, options.score]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise ContractError(f"the table has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    request = options.request if options.request in frame.columns else options.user
    for name in (*wanted, request):
        if frame[name].null_count():
            raise ContractError(f"column {name} has {frame[name].null_count()} nulls: drop those rows")
    if not frame.height:
        raise ContractError("the table has no rows")
    try:
        clicked, score = (frame[name].cast(pl.Float64).to_numpy() for name in (options.clicked, options.score))
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"{options.clicked} and {options.score} must be numbers: {error}") from error
    if not np.isin(clicked, (0.0, 1.0)).all():
        raise ContractError(f"column {options.clicked} must be 0 or 1 throughout")
    if not np.isfinite(score).all():
        raise ContractError(f"column {options.score} holds NaN or infinity: a ranker must score every impression")
    codes = [
        np.unique(frame[name].to_numpy(), return_inverse=True)[1] for name in (options.user, request, options.item)
    ]
    return codes[0], codes[1], codes[2], clicked > 0, score


def ranker(options: RankerTable) -> None:
    """Print the table of metrics.

    Raises
    ------
    UsageError, ContractError
        As :func:`read_table` and :func:`measured`.
    """
    frame = read_table(options.table)
    found = measured(frame, options)
    print(
        f"{frame.height} impressions of {frame[options.user].n_unique()} users; 95 % intervals over resampled users\n"
    )
    print("| metric | value | interval |\n|---|---|---|")
    for each in found:
        low, high = each.found.low, each.found.high
        print(f"| {each.metric} | {each.found.value:.4f} | {'' if np.isnan(low) else f'[{low:.4f}, {high:.4f}]'} |")
