"""Whole collections of covers beside the drawings that their audiences like best.

KID, diversity, and whether a classifier tells them apart; all of the first painting seed, with items resampled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints, Pixels
from jobs.stickers.pack import FAMILIES
from recsys_eval.arm_names import ORIGINAL
from recsys_eval.comparison.eyes import POOLED, Eyes
from recsys_eval.comparison.figures.audience import Audience
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.judge.image_metrics import Pictures, mean_pairwise_distance
from recsys_eval.panel.measures import EVERY, separability
from recsys_eval.panel.pairs import Pairs, seven_bits
from recsys_eval.panel.real_or_painted import STEPS
from recsys_eval.statistics.lift import Estimate, estimate
from reward_model.metrics import user_weights

TASTES = 8
"""Tastes an item's diversity is measured over, at most."""
PER_FAMILY = 200
"""Covers a family that a classifier is shown, at most."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """One figure of a collection, and on how much it rests."""

    found: Estimate
    users: int
    items: int


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Covers of items for tastes, and the drawings that those like best. ``C`` covers."""

    rows: Ints
    """(C,) of pictures."""
    item: Ints
    """(C,)"""
    family: Ints
    """(C,) liked best, which draws the item."""
    users: int

    @classmethod
    def of(cls, lab: Lab, audience: Audience, arm: str, *, new: bool = False) -> "Collection":
        """What an arm painted with the first seed, once for each taste; ``new``: where the original is another's."""
        table = audience.shown[arm][0][audience.owners]
        family = np.broadcast_to(audience.favourite[audience.owners][:, None], table.shape)
        item = np.broadcast_to(np.arange(len(lab.items))[None, :], table.shape)
        at: Flags = (table >= 0) & lab.gallery.drawn[item, family]
        if new:
            at = at & (lab.default[item] != family)
        return cls(rows=table[at], item=item[at], family=family[at], users=len(audience.owners))


def kernel_distance(x: Floats, of_x: Ints, y: Floats, of_y: Ints, *, resamples: int, seed: int) -> Estimate:
    r"""KID (Binkowski et al., *Demystifying MMD GANs*, ICLR 2018): squared MMD by :math:`k(a, b) = (a^T b / d + 1)^3`.

    Unbiased: the mean of k over pairs of x, plus that of y, minus twice that across. Pictures of one item are not
    independent, so pairs within an item are left out of all three means, and items are resampled.

    Parameters
    ----------
    x, y
        (N, d) and (M, d) features.
    of_x, of_y
        (N,) and (M,) their items.
    resamples, seed
        Of the bootstrap.

    Examples
    --------
    >>> one, two = np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]])
    >>> items = np.array([0, 1])
    >>> kernel_distance(one, items, two, items, resamples=10, seed=0).value  # 2^3 + 1 - 2
    7.0
    """
    items = np.unique(np.concatenate([of_x, of_y]))
    apart = 1.0 - np.eye(len(items))
    weights = np.concatenate(list(user_weights(len(items), resamples, seed)))

    def mean(a: Floats, of_a: Ints, b: Floats, of_b: Ints) -> Floats:
        sums = np.zeros((len(items), len(items)))
        count_a = np.array([(of_a == item).sum() for item in items], np.float64)
        count_b = np.array([(of_b == item).sum() for item in items], np.float64)
        for row, one in enumerate(items):
            k = (a[of_a == one] @ b.T / a.shape[1] + 1) ** 3
            sums[row] = [k[:, of_b == other].sum() for other in items]
        pairs = np.outer(count_a, count_b)
        with np.errstate(divide="ignore", invalid="ignore"):
            top, bottom = (np.einsum("bi,ij,bj->b", weights, m * apart, weights, optimize=True) for m in (sums, pairs))
            return np.asarray(top / bottom, np.float64)

    draws = mean(x, of_x, x, of_x) + mean(y, of_y, y, of_y) - 2 * mean(x, of_x, y, of_y)
    return estimate(float(draws[0]), draws[1:])


def kernel_distances(lab: Lab, audience: Audience) -> Mapping[str, Collected]:
    """KID over the judge's pooled feature maps to the drawings that are liked best, of originals and of every arm."""
    found: dict[str, Collected] = {}
    for arm in lab.methods:
        mine = Collection.of(lab, audience, arm)
        real = lab.gallery.pooled[mine.item, mine.family]
        sides = {arm: lab.seen.looks[POOLED][mine.rows].astype(np.float64)}
        if not found:
            sides = {ORIGINAL: lab.gallery.pooled[mine.item, lab.default[mine.item]], **sides}
        for name, pooled in sides.items():
            each = kernel_distance(pooled, mine.item, real, mine.item, resamples=lab.resamples, seed=lab.seed)
            found[name] = Collected(found=each, users=mine.users, items=len(np.unique(mine.item)))
    return found


def diversities(lab: Lab, audience: Audience, eyes: Eyes) -> Mapping[str, Collected]:
    """How much an item's covers for different tastes differ, over how much the drawings do that those like best.

    Mean LPIPS-like distance of two covers of an item, by the judge.
    """
    pack = lab.world.items.pack
    found = {}
    for arm in lab.methods:
        mine = Collection.of(lab, audience, arm)
        painted, real = np.zeros(len(lab.items)), np.zeros(len(lab.items))
        for item in np.unique(mine.item):
            some = np.flatnonzero(mine.item == item)[:TASTES]
            if len(some) < 2:
                continue
            code = lab.cast.item_ids[item]
            drawings = np.stack([pack.pixels(code, FAMILIES[family]) for family in mine.family[some]])
            painted[item] = mean_pairwise_distance(eyes.judge.features(lab.seen.pixels[mine.rows[some]]))
            real[item] = mean_pairwise_distance(eyes.judge.features(drawings))
        weights = np.concatenate(list(user_weights(len(lab.items), lab.resamples, lab.seed)))
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = (weights @ painted) / (weights @ real)
        found[arm] = Collected(
            found=estimate(float(draws[0]), draws[1:]), users=mine.users, items=int((real > 0).sum())
        )
    return found


def told_apart(lab: Lab, audience: Audience, steps: int = STEPS) -> Mapping[str, Collected]:
    """How well a fresh classifier tells each arm's covers from real drawings (AUC), of items that it did not see.

    ``steps`` are those of its training, on each half of the items.
    """
    pack, codes = lab.world.items.pack, np.array(lab.cast.item_ids)
    found = {}
    for arm in lab.methods:
        mine = Collection.of(lab, audience, arm, new=True)
        if len(np.unique(mine.item)) < 2:
            continue
        real: Pixels = np.stack(
            [pack.pixels(codes[i], FAMILIES[f]) for i, f in zip(mine.item, mine.family, strict=True)]
        )
        painted = Pictures(pixels=seven_bits(lab.seen.pixels[mine.rows]), codes=codes[mine.item], families=mine.family)
        pairs = Pairs(painted=painted, real=real).sample(PER_FAMILY, seed=lab.seed)
        every = next(each for each in separability(pairs, seed=lab.seed, steps=steps) if each.family == EVERY).found
        found[arm] = Collected(
            found=Estimate(value=every.value, low=every.low, high=every.high), users=mine.users, items=every.n
        )
    return found
