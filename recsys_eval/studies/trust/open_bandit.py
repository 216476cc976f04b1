"""Off-policy estimates on real clicks: ``coverlift study open-bandit --data FOLDER``.

The Open Bandit Dataset (Saito et al., NeurIPS 2021 datasets track; CC BY 4.0) has impressions of a fashion shop by two
policies in the same week: one that chose items uniformly and Bernoulli Thompson sampling. What the second would earn is
estimated from the log of the first, and then looked up in its own log. Its choices are told as the shares in which it
showed each item at each place that week; it did not look at users.

``FOLDER`` is laid out as published: ``random/all/all.csv``, ``bts/all/all.csv``, likewise ``men`` and ``women``, with
columns item_id, position, click, propensity_score and user_feature_0 to user_feature_3. Rows have no user: those of the
same features stand for one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from conf.errors import ContractError, GateError, UsageError
from jobs.lake.arrays import Floats
from recsys_eval.experiment.off_policy import LoggedRounds, off_policy_values
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean
from recsys_eval.statistics.lift import Estimate

CAMPAIGNS = ("all", "men", "women")
USER = [f"user_feature_{number}" for number in range(4)]
COLUMNS = ["item_id", "position", "click", "propensity_score", *USER]
PRIOR = 20.0
"""Impressions at the mean rate that an item's own rate is drawn towards, in the model of the estimators."""


@dataclass(frozen=True, kw_only=True)
class OpenBandit:
    """Options of :func:`open_bandit`."""

    data: Path
    """Folder with random/ and bts/."""
    resamples: int = 2000
    seed: int = 73


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """One campaign."""

    campaign: str
    rows: int
    effective: float
    truth: Interval
    """Click-through rate of the policy in its own log."""
    logged: float
    """That of the uniform log."""
    values: dict[str, Estimate]
    refused: str = ""
    """Why nothing is estimated, where that is so."""


def read_log(folder: Path, policy: str, campaign: str) -> pl.DataFrame:
    """Rows of a log, with ``user`` in place of the features.

    Raises
    ------
    UsageError
        The file is not there.
    ContractError
        A column is missing or of another type, or there is no row.
    """
    path = folder / policy / campaign / f"{campaign}.csv"
    if not path.is_file():
        raise UsageError(f"{path} is not there: --data is the folder that holds random/ and bts/ as published")
    try:
        frame = pl.read_csv(path, columns=COLUMNS, schema_overrides=dict.fromkeys(USER, pl.String))
        frame = frame.select(
            pl.struct(USER).rank("dense").cast(pl.Int64).alias("user"),
            *(pl.col(name).cast(pl.Int64) for name in COLUMNS[:3]),
            pl.col("propensity_score").cast(pl.Float64),
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ContractError(f"{path} is not a log of the Open Bandit Dataset: {error}") from error
    if not frame.height:
        raise ContractError(f"{path} has no rows")
    return frame


def shares(log: pl.DataFrame) -> pl.DataFrame:
    """How often a policy showed an item at a place: item_id, position, share; shares of a place add up to 1."""
    counts = log.group_by("item_id", "position").agg(pl.len().alias("n")).sort("item_id", "position")
    return counts.select("item_id", "position", share=pl.col("n") / pl.col("n").sum().over("position"))


def item_rates(log: pl.DataFrame) -> pl.DataFrame:
    """Click rate of an item, drawn towards the mean: item_id, rate."""
    mean = float(log["click"].to_numpy().mean())
    summed = log.group_by("item_id").agg(pl.col("click").sum().alias("clicks"), pl.len().alias("n"))
    return summed.select("item_id", rate=(pl.col("clicks") + PRIOR * mean) / (pl.col("n") + PRIOR))


def rounds_of(log: pl.DataFrame, target: pl.DataFrame) -> LoggedRounds:
    """The uniform log as rounds of the policy that shows ``target``'s shares.

    A rate that an impression's own click went into would flatter: rates come from the other half of the users.
    """
    halves = [log.filter(pl.col("user") % 2 == half) for half in (0, 1)]
    parts = []
    for half, other in zip(halves, halves[::-1], strict=True):
        if not half.height:
            continue
        rates = item_rates(other if other.height else log)
        expected = target.join(rates, on="item_id", how="left").with_columns(
            pl.col("rate").fill_null(float(log["click"].to_numpy().mean()))
        )
        by_place = expected.group_by("position").agg((pl.col("share") * pl.col("rate")).sum().alias("expected_target"))
        mean = float(log["click"].to_numpy().mean())
        parts.append(
            half.join(target, on=["item_id", "position"], how="left", maintain_order="left")
            .join(rates, on="item_id", how="left", maintain_order="left")
            .join(by_place, on="position", how="left", maintain_order="left")
            .with_columns(
                pl.col("share").fill_null(0.0), pl.col("rate").fill_null(mean), pl.col("expected_target").fill_null(0.0)
            )
        )
    rows = pl.concat(parts)

    def column(name: str) -> Floats:
        return rows[name].to_numpy().astype(np.float64)

    return LoggedRounds(
        user=rows["user"].to_numpy(),
        reward=column("click"),
        propensity=column("propensity_score"),
        target=column("share"),
        expected_logged=column("rate"),
        expected_target=column("expected_target"),
    )


def estimated(options: OpenBandit, campaign: str) -> Estimated:
    """One campaign's estimates beside what the policy earned."""
    log, other = (read_log(options.data, policy, campaign) for policy in ("random", "bts"))
    rounds = rounds_of(log, shares(other))
    refused, values = "", {}
    try:
        rounds.require_support()
        values = off_policy_values(rounds, resamples=options.resamples, seed=options.seed)
    except GateError as error:
        refused = str(error)
    truth = bootstrap_mean(other["click"].to_numpy(), other["user"].to_numpy(), n=options.resamples, seed=options.seed)
    return Estimated(
        campaign=campaign,
        rows=log.height,
        effective=rounds.effective_size,
        truth=truth,
        logged=float(log["click"].to_numpy().mean()),
        values=values,
        refused=refused,
    )


def open_bandit(options: OpenBandit) -> None:
    """Print every campaign's estimates; exit code 4 where a log does not support the policy.

    Raises
    ------
    UsageError, ContractError
        As :func:`read_log`.
    GateError
        A campaign was refused; the others are printed first.
    """
    found = [estimated(options, campaign) for campaign in CAMPAIGNS]
    names = [name for each in found for name in each.values] or ["ips"]
    names = list(dict.fromkeys(names))
    print(f"| campaign | rows | worth | uniform | policy, its own log | {' | '.join(names)} |")
    print("|" + "---|" * (5 + len(names)))
    for each in found:
        cells = [_told(each.values.get(name)) for name in names]
        print(
            f"| {each.campaign} | {each.rows} | {each.effective:.0f} | {each.logged:.4f} | "
            f"{each.truth.value:.4f} [{each.truth.low:.4f}, {each.truth.high:.4f}] | {' | '.join(cells)} |"
        )
    refused = [f"{each.campaign}: {each.refused}" for each in found if each.refused]
    if refused:
        raise GateError("; ".join(refused))


def _told(value: Estimate | None) -> str:
    return "refused" if value is None else f"{value.value:.4f} [{value.low:.4f}, {value.high:.4f}]"
