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
from jobs.lake.examination import examination_at
from jobs.simulator.parameters import ModelParameters, examination
from recsys_eval.metrics.ranking import discounted_gain, request_metrics
from recsys_eval.night import Night
from recsys_eval.ranking.compare import random_rows
from recsys_eval.ranking.examination import click_weights
from recsys_eval.ranking.features import BASE_NAMES
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
    known: float
    """The same with the true examination of the places in place of the estimated one."""
    error: float
    """Standard error of these means."""
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
    weights = [click_weights(examination_at(night.examination, play.position)), click_weights(examined)]
    rng = np.random.default_rng(options.seed)
    clicks = [rng.random(len(chance)) < chance * examined for _ in range(options.days)]
    everything, random = np.ones(len(chance), bool), random_rows(night, play)
    return [
        _compared(name, place, scores[mask], chance[mask], weights, _codes(play.request, mask), mask, clicks)
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
    weights: list[Floats],
    codes: Ints,
    mask: Flags,
    clicks: list[Flags],
) -> Comparison:
    weighted: list[list[float]] = []
    plain = []
    for day in clicks:
        clicked = day[mask]
        gains = [clicked * weight[mask] for weight in weights]
        found = request_metrics(codes, scores, clicked, gains)
        weighted.append([got.sum() / gain.sum() for got, gain in zip(found.discounted, gains, strict=True)])
        plain.append(np.nanmean(found.ndcg))
    by_estimate, by_truth = np.array(weighted).T
    return Comparison(
        order=order,
        requests=requests,
        truth=float(discounted_gain(codes, scores, chance).sum() / chance.sum()),
        weighted=float(np.mean(by_estimate)),
        known=float(np.mean(by_truth)),
        error=float(np.std(by_truth, ddof=1) / np.sqrt(len(by_truth))),
        plain=float(np.mean(plain)),
    )


def unbiased_ranking(ctx: Context, options: UnbiasedRanking) -> None:
    """Print a Markdown table: truth, weighted and plain metric of every order."""
    print("| requests | order | truth | weighted, true examination | off by | weighted, estimated | off by | plain |")
    print("|---|---|---|---|---|---|---|---|")
    for row in compared(open_night(ctx), options):
        cells = [row.requests, row.order, f"{row.truth:.4f}"]
        for value in (row.known, row.weighted):
            cells += [f"{value:.4f}", f"{value - row.truth:+.4f} ± {1.96 * row.error:.4f}"]
        print("| " + " | ".join([*cells, f"{row.plain:.4f}"]) + " |")
