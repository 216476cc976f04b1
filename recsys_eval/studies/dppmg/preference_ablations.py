"""What each part of DPPMG's preferences is worth: ``coverlift study preference-ablations``, on a finished night.

The preference of looks is learned anew from training users without a part, and codes are cut or dealt out anew; each is
asked how well it ranks what users of a split clicked (GAUC, a week of the log left out in turn), beside the
preference that ships.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from generation.personalization.dppmg.graph import VISUAL
from generation.personalization.dppmg.preferences import read_preferences
from generation.personalization.dppmg.propagate import Propagation, start_projection
from generation.personalization.dppmg.quantise import Quantiser
from generation.personalization.dppmg.tokens import weights_of
from generation.personalization.dppmg.train_preferences import LEADING, Data, Fit, coded_scores, fit_projection
from jobs.lake.arrays import Floats, Ints
from jobs.lake.context import Context
from recsys_eval.statistics.bootstrap import Interval, bootstrap_ratio
from reward_model.metrics import user_auc


@dataclass(frozen=True, kw_only=True)
class PreferenceAblations:
    """Options of :func:`preference_ablations`."""

    split: Literal["validation", "held_out"] = "validation"
    """Whose users are asked about; their items are never held-out ones."""
    resamples: int = 1000
    """Of every interval."""
    threads: int = 1
    """CPU threads."""
    fit: Fit = field(default=Fit())


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Areas under the curve of a split's users and weeks. ``G`` pairs of both."""

    user: Ints
    """(G,)"""
    area: Floats
    """(G,) NaN where a user clicked everything or nothing in a week."""
    weight: Floats
    """(G,) impressions."""

    @classmethod
    def of(cls, data: Data, rows: Ints, score: Floats) -> "Areas":
        """Of scores of impressions."""
        shown = data.shown
        key, group = np.unique(shown.user[rows] * 8 + shown.week[rows], return_inverse=True)
        area, weight = user_auc(group, shown.clicked[rows], score)
        return cls(user=key // 8, area=area, weight=weight)

    def mean(self, resamples: int, seed: int, base: "Areas | None" = None) -> Interval:
        """GAUC, or its difference to another's over the same impressions; users are resampled."""
        known = ~np.isnan(self.area)
        value = (self.area if base is None else self.area - base.area)[known]
        return bootstrap_ratio(value * self.weight[known], self.weight[known], self.user[known], n=resamples, seed=seed)


def by_id(data: Data, seed: int) -> Data:
    """The same edges between nodes that are known by a random vector each, and by nothing of how they look."""
    width = data.features.shape[1]
    features = np.random.default_rng(seed).normal(size=data.features.shape).astype(np.float32) / np.sqrt(width)
    plain = Propagation(width)
    parts = [
        plain.raw(data.shown.without(data.graph, week), torch.from_numpy(features)) for week in range(len(data.clicked))
    ]
    return replace(
        data,
        features=features,
        clicked=torch.stack([clicked for clicked, _ in parts]),
        expected=torch.stack([expected for _, expected in parts]),
    )


def fewer_levels(quantiser: Quantiser, levels: int) -> Quantiser:
    """The first levels alone."""
    return Quantiser(metric=quantiser.metric, codebooks=quantiser.codebooks[:levels])


@torch.no_grad()
def scores(data: Data, network: Propagation, rows: Ints) -> Floats:
    """(R,) of impressions by continuous preferences, each week left out in turn."""
    nodes = network.nodes(torch.from_numpy(data.features))
    found: Floats = data.score(network.users(data.clicked, data.expected), nodes, rows).double().numpy()
    return found


def variants(
    data: Data, network: Propagation, quantiser: Quantiser, fit: Fit, rows: Ints
) -> Iterator[tuple[str, Floats]]:
    """A name and the scores of the rows, for everything that is compared; what ships comes first."""
    yield "as shipped", scores(data, network, rows)
    yield "learned anew on this night", scores(data, fit_projection(data, VISUAL, fit)[0], rows)
    start = Propagation(data.features.shape[1])
    start.weight.data.copy_(torch.from_numpy(start_projection(data.features, leading=LEADING[VISUAL])))
    yield "nothing learned: the projection it starts from", scores(data, start, rows)
    clicks = replace(data, expected=torch.zeros_like(data.expected))
    yield "clicks alone, no graph of expected ones", scores(clicks, fit_projection(clicks, VISUAL, fit)[0], rows)
    ids = by_id(data, fit.seed)
    yield "covers by id instead of features", scores(ids, fit_projection(ids, VISUAL, fit)[0], rows)
    with torch.no_grad():
        nodes, left_out = network.nodes(torch.from_numpy(data.features)), network.users(data.clicked, data.expected)
        for levels in range(quantiser.levels, 0, -1):
            name = f"{levels} level{'s' if levels > 1 else ''} of codes"
            yield name, coded_scores(data, left_out, nodes, fewer_levels(quantiser, levels), rows)
        yield (
            "all levels, codes of somebody else",
            coded_scores(data, _dealt(left_out, fit.seed), nodes, quantiser, rows),
        )


def _dealt(preferences: Tensor, seed: int) -> Tensor:
    """Preferences (4, U, D) of users, those of one for another."""
    order = np.random.default_rng(seed).permutation(preferences.shape[1])
    return preferences[:, torch.from_numpy(order)]


def preference_ablations(ctx: Context, options: PreferenceAblations) -> None:
    """Learn, rank, and print a table.

    Raises
    ------
    UsageError
        A night without edges (``features.interaction_edges``).
    """
    torch.set_num_threads(options.threads)
    data, shipped = Data.read(ctx, VISUAL), read_preferences(weights_of(ctx.settings), VISUAL)
    rows, base = data.rows(options.split), None
    print(f"looks of covers, {options.split} users on {ctx.ds}; simulated\n")
    print("| preference | GAUC | against what ships |\n|---|---|---|")
    for name, score in variants(data, shipped.propagation, shipped.quantiser, options.fit, rows):
        areas = Areas.of(data, rows, score)
        own = areas.mean(options.resamples, options.fit.seed)
        told = f"{own.value:.4f} [{own.low:.4f}, {own.high:.4f}]"
        if base is None:
            base = areas
            print(f"| {name} | {told} | |", flush=True)
            continue
        lost = areas.mean(options.resamples, options.fit.seed, base)
        print(f"| {name} | {told} | {lost.value:+.4f} [{lost.low:+.4f}, {lost.high:+.4f}] |", flush=True)
