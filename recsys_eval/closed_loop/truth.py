"""True click-through rate of a played day under one set of covers or another: simulated.

A played day asks for the same items, for the same users, at the same positions and with the same kinds of titles,
whatever is published. So all arms are given the same requests, and differ by the covers alone:

- ``original``: every item keeps the cover that it came with, as if nothing had ever been painted;
- one arm a method: treated users see what the method published for their segment, and the original elsewhere;
- ``best drawing``: every user is shown the existing drawing that they truly like best.

The logging policy's exploration (``world.explore``) is in the log that nights learn from, and in no arm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.log.impressions import Campaign, blocks_of, played_requests
from jobs.simulator.log.traffic import Traffic
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.arm_names import BEST, ORIGINAL, twin
from recsys_eval.statistics.lift import Estimate, Ratios, estimate, resampled_ratios


@dataclass(frozen=True, kw_only=True)
class PlayedTruth:
    """Expected clicks of a played day. ``U`` users with an impression, ``A`` arms."""

    arms: tuple[str, ...]
    """``original``, ``best drawing``, then the methods."""
    users: Ints
    """(U,) numbers in the world."""
    impressions: Floats
    """(U,)."""
    clicks: Floats
    """(U, A) sums of true click probabilities."""
    covered: Floats
    """(A,) share of impressions on which the arm shows a painted cover."""


@dataclass(frozen=True, kw_only=True)
class ArmTruth:
    """An arm's figures of one day, with intervals over users."""

    ctr: Estimate
    """True click-through rate."""
    lift: Estimate | None
    """Relative, over the originals; None of the originals themselves."""
    gap_closed: Estimate | None
    """Share of the way from the originals to the best drawings; of methods."""
    over_first: Estimate | None
    """Relative lift over the first method; of the other methods."""
    over_frozen: Estimate | None
    """Relative lift over the method's frozen twin; of methods that have one."""
    covered: float
    """Share of impressions with a painted cover."""


def best_families(world: World, users: Ints, items: Ints) -> Ints:
    """(N,) the family of the existing drawing that each user truly likes best of each item."""
    taste = np.where(world.items.drawn[items], world.style_taste[users], -np.inf)
    return np.asarray(np.argmax(taste, axis=1), dtype=np.int64)


def played_truth(world: World, day: date, campaigns: Mapping[str, Campaign]) -> PlayedTruth:
    """Expected clicks of every arm on the requests of a played day.

    Parameters
    ----------
    world
        The model.
    day
        That was played.
    campaigns
        Method to what it published the night before.
    """
    arms = (ORIGINAL, BEST, *campaigns)
    shown = np.zeros(world.users.size)
    clicks = np.zeros((world.users.size, len(arms)))
    covered = np.zeros(len(arms))
    for block in range(len(blocks_of(world))):
        traffic, wording = played_requests(world, day, block)
        shown += np.bincount(traffic.user, minlength=world.users.size)
        for column, arm in enumerate(arms):
            styles, similarity, painted = _looks(world, traffic, arm, campaigns)
            chance = world.click_probability(traffic.user, traffic.item, styles, similarity, wording, traffic.position)
            clicks[:, column] += np.bincount(traffic.user, weights=chance, minlength=world.users.size)
            covered[column] += painted
    seen = shown > 0
    return PlayedTruth(
        arms=arms,
        users=np.flatnonzero(seen),
        impressions=shown[seen],
        clicks=clicks[seen],
        covered=covered / max(float(shown.sum()), 1.0),
    )


def _looks(world: World, traffic: Traffic, arm: str, campaigns: Mapping[str, Campaign]) -> tuple[Floats, Floats, int]:
    """(N, 6) styles and (N,) similarity that an arm shows, and on how many impressions it shows a painted cover."""
    one_hot, alike = np.eye(len(FAMILIES)), np.ones(len(traffic.item))
    if arm == BEST:
        return one_hot[best_families(world, traffic.user, traffic.item)], alike, 0
    original = one_hot[world.items.default[traffic.item]]
    campaign = campaigns.get(arm)
    if campaign is None or not campaign.cover_ids:
        return original, alike, 0
    chosen = np.where(world.treated[traffic.user], campaign.lookup(traffic.user, traffic.item), -1)
    painted = chosen >= 0
    return (
        np.where(painted[:, None], campaign.style_probs[chosen], original),
        np.where(painted, campaign.similarity[chosen], alike),
        int(painted.sum()),
    )


def arm_truths(truth: PlayedTruth, *, resamples: int, seed: int) -> dict[str, ArmTruth]:
    """Figures of every arm; users are resampled once for all of them, so that differences are paired.

    Raises
    ------
    ValueError
        Nobody was shown anything.
    """
    shown = np.repeat(truth.impressions[:, None], len(truth.arms), axis=1)
    ratios = resampled_ratios(truth.clicks, shown, resamples=resamples, seed=seed)
    original, best, first = 0, 1, 2
    return {
        arm: ArmTruth(
            ctr=ratios.estimate(column),
            lift=None if column == original else ratios.lift(column, original),
            gap_closed=None if column < first else gap_closed(ratios, column, original, best),
            over_first=None if column <= first else ratios.lift(column, first),
            over_frozen=ratios.lift(column, truth.arms.index(twin(arm))) if twin(arm) in truth.arms else None,
            covered=float(truth.covered[column]),
        )
        for column, arm in enumerate(truth.arms)
    }


def pooled(days: Sequence[PlayedTruth]) -> PlayedTruth:
    """Several days of the same arms as one: each user's impressions and expected clicks, summed.

    Raises
    ------
    ValueError
        No day, or days of other arms.
    """
    if not days or len({day.arms for day in days}) != 1:
        raise ValueError(f"{len(days)} days of arms {sorted({day.arms for day in days})}: one day at least, same arms")
    users, place = np.unique(np.concatenate([day.users for day in days]), return_inverse=True)
    impressions = np.bincount(place, weights=np.concatenate([day.impressions for day in days])).astype(np.float64)
    clicks = np.zeros((len(users), len(days[0].arms)))
    np.add.at(clicks, place, np.concatenate([day.clicks for day in days]))
    weights = [float(day.impressions.sum()) for day in days]
    covered = np.average([day.covered for day in days], axis=0, weights=weights)
    return PlayedTruth(arms=days[0].arms, users=users, impressions=impressions, clicks=clicks, covered=covered)


def gap_closed(ratios: Ratios, column: int, base: int, best: int) -> Estimate:
    """Share of the way from ``base`` to ``best`` that an arm goes: ``(column - base) / (best - base)``."""
    value, draws = ratios.value, ratios.draws
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (draws[:, column] - draws[:, base]) / (draws[:, best] - draws[:, base])
        found = (value[column] - value[base]) / (value[best] - value[base])
    return estimate(float(found), share, null=0.0)
