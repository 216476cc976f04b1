"""Is the weighted ranking metric unbiased: ``coverlift study unbiased-ranking``, on the built-in world's known truth.

The played day of a finished night is clicked again many times, from its true click probabilities and the examination
of its places. Three orders are measured on every day: that of the log, that by the items' click-through rate and that
by true probabilities. An unbiased metric has the same mean over days as the metric of the probabilities themselves.
"""

from dataclasses import dataclass

import numpy as np

from conf.errors import UsageError
from jobs.lake.arrays import Flags, Floats, Ints
from jobs.lake.context import Context
from jobs.simulator.parameters import ModelParameters, examination
from recsys_eval.night import Night
from recsys_eval.ranking.compare import random_rows
from recsys_eval.ranking.examination import click_weights, examination_at
from recsys_eval.ranking.features import BASE_NAMES
from recsys_eval.ranking.metrics import discounted_gain, request_metrics
from recsys_eval.stage import open_night


@dataclass(frozen=True, kw_only=True)
class UnbiasedRanking:
    """Options of :func:`unbiased_ranking`."""

    days: int = 200
    """Times that the day is clicked again."""
    seed: int = 53


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One order on one selection of requests."""

    order: str
    requests: str
    truth: float
    """Metric of the true probabilities."""
    weighted: float
    """Mean of the weighted metric over days."""
    error: float
    """Standard error of that mean."""
    plain: float
    """Mean of plain NDCG@10 over days: it divides by another ideal, so only its differences between orders compare."""


def compared(night: Night, options: UnbiasedRanking) -> list[Comparison]:
    """Every order on all requests and on those in random order.

    Raises
    ------
    UsageError
        The world or its played day is not there.
    """
    if night.truth is None or not night.played:
        raise UsageError("The study needs the built-in world and its played day: run `coverlift nightly` first")
    play = night.play
    chance = night.truth.as_shown(play)
    orders = {
        "order of the log": -play.position.astype(np.float64),
        "items' CTR": np.nan_to_num(play.base[:, BASE_NAMES.index("item_ctr_debiased")]),
        "true probabilities": chance,
    }
    examined = examination(play.position, ModelParameters())
    estimated = click_weights(examination_at(night.examination, play.position))
    rng = np.random.default_rng(options.seed)
    clicks = [rng.random(len(chance)) < chance * examined for _ in range(options.days)]
    everything, random = np.ones(len(chance), bool), random_rows(night, play)
    return [
        _compared(name, place, scores[mask], chance[mask], estimated[mask], _codes(play.request, mask), mask, clicks)
        for place, mask in (("all", everything), ("random order", random))
        for name, scores in orders.items()
    ]


def _codes(request: Ints, mask: Flags) -> Ints:
    codes: Ints = np.unique(request[mask], return_inverse=True)[1]
    return codes


def _compared(
    order: str,
    requests: str,
    scores: Floats,
    chance: Floats,
    weights: Floats,
    codes: Ints,
    mask: Flags,
    clicks: list[Flags],
) -> Comparison:
    weighted, plain = [], []
    for day in clicks:
        clicked = day[mask]
        found = request_metrics(codes, scores, clicked, [clicked * weights])
        weighted.append(found.discounted[0].sum() / (clicked * weights).sum())
        plain.append(np.nanmean(found.ndcg))
    return Comparison(
        order=order,
        requests=requests,
        truth=float(discounted_gain(codes, scores, chance).sum() / chance.sum()),
        weighted=float(np.mean(weighted)),
        error=float(np.std(weighted, ddof=1) / np.sqrt(len(weighted))),
        plain=float(np.mean(plain)),
    )


def unbiased_ranking(ctx: Context, options: UnbiasedRanking) -> None:
    """Print a Markdown table: truth, weighted and plain metric of every order."""
    print("| requests | order | truth | weighted, mean of days | off by | plain NDCG@10 |\n|---|---|---|---|---|---|")
    for row in compared(open_night(ctx), options):
        off = f"{row.weighted - row.truth:+.4f} ± {1.96 * row.error:.4f}"
        print(f"| {row.requests} | {row.order} | {row.truth:.4f} | {row.weighted:.4f} | {off} | {row.plain:.4f} |")
