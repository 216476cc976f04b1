"""What pictures are worth to people: true click probabilities, and means of them with intervals (simulated).

A figure is a function of weighted means over users, items and painting seeds. All three are resampled independently
and their weights multiplied (Owen, "The pigeonhole bootstrap", AOAS 2007): an interval is as wide as the luck of any of
them makes it, and arms are compared under the same draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.model import World
from jobs.simulator.truth import all_drawings_probability
from recsys_eval.arm_names import BEST, ORIGINAL
from recsys_eval.statistics.lift import Estimate, estimate
from reward_model.metrics import user_weights


@dataclass(frozen=True, kw_only=True)
class Means:
    """Weighted means of several arms, as they are and under resampling."""

    draws: Mapping[str, Floats]
    """Arm to (1 + B,): the mean, then resampled ones."""
    users: int
    items: int

    def mean(self, arm: str) -> Estimate:
        """Of one arm."""
        return _of(self.draws[arm])

    def difference(self, arm: str, base: str) -> Estimate:
        """Arm minus base, with p against none."""
        return _of(self.draws[arm] - self.draws[base], 0.0)

    def share(self, arm: str, whole: str) -> Estimate:
        """Arm over whole."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return _of(self.draws[arm] / self.draws[whole])

    def lift(self, arm: str) -> Estimate:
        """Relative gain over the original."""
        return self.gain(arm, ORIGINAL)

    def gain(self, arm: str, base: str) -> Estimate:
        """Relative gain of an arm over another."""
        return _of(self.draws[arm] / self.draws[base] - 1, 0.0)

    def gap(self, arm: str) -> Floats:
        """(1 + B,) share of the gap between original and best drawing that an arm closes."""
        base = self.draws[ORIGINAL]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.draws[arm] - base) / (self.draws[BEST] - base), np.float64)

    def gap_closed(self, arm: str) -> Estimate:
        """The same as an estimate."""
        return _of(self.gap(arm), 0.0)

    def gap_difference(self, arm: str, base: str) -> Estimate:
        """How much more of the gap an arm closes than another."""
        with np.errstate(invalid="ignore"):
            return _of(self.gap(arm) - self.gap(base), 0.0)


def _of(draws: Floats, null: float | None = None) -> Estimate:
    return estimate(float(draws[0]), draws[1:], null=null)


def resampled_means(arms: Mapping[str, Floats], weight: Floats, *, resamples: int, seed: int) -> Means | None:
    """Means of arms over the cells that all of them have.

    Parameters
    ----------
    arms
        Name to (R, U, I): values by painting seed, user and item, NaN where there is none. R is the number of seeds,
        or 1 for what no seed changes.
    weight
        (U,) of users.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    Means or None
        None where no cell has all arms.

    Examples
    --------
    >>> cells = {"a": np.array([[[1.0, np.nan], [3.0, 5.0]]]), "b": np.array([[[1.0, 9.0], [1.0, 1.0]]])}
    >>> float(resampled_means(cells, np.ones(2), resamples=10, seed=0).draws["a"][0])  # the first user has one item
    3.0
    """
    shown = np.logical_and.reduce([~np.isnan(values).any(axis=0) for values in arms.values()])
    users, items = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not users.size:
        return None
    weight_UI = weight[users, None] * shown[np.ix_(users, items)]
    cells = {name: np.nan_to_num(values[:, users][:, :, items]) for name, values in arms.items()}
    seeds = max(len(values) for values in cells.values())
    by_user = np.concatenate(list(user_weights(users.size, resamples, seed)))
    by_item = np.concatenate(list(user_weights(items.size, resamples, seed + 1)))
    by_seed = np.concatenate(list(user_weights(seeds, resamples, seed + 2))) / seeds
    below = ((by_user @ weight_UI) * by_item).sum(axis=1)
    draws = {}
    for name, values in cells.items():
        sums = np.stack([((by_user @ (weight_UI * layer)) * by_item).sum(axis=1) for layer in values], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            draws[name] = (sums * (by_seed if len(values) > 1 else 1.0)).sum(axis=1) / below
    return Means(draws=draws, users=int(users.size), items=int(items.size))


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What the world thinks of existing drawings. ``U`` users, ``I`` items."""

    original: Floats
    """(U, I) true probability of a click on the original."""
    best: Floats
    """(U, I) on the drawing that its audience likes best."""
    family: Ints
    """(U, I) who drew that."""


def drawn_for(world: World, users: Ints, items: Ints, audience: Ints, everyone: Ints, of: Ints) -> Drawn:
    """Original and best drawing of each item for each user.

    Parameters
    ----------
    world
        The model.
    users, items
        (U,) and (I,) numbers in it.
    audience
        (U,) number of the audience whose mean probability says which drawing is best: each user's own, or a segment.
    everyone, of
        (E,) users whose mean it is, and the audience of each.
    """
    shape = (len(users), len(items))

    def chances(some: Ints) -> Floats:
        found = all_drawings_probability(world, np.repeat(some, len(items)), np.tile(items, len(some)))
        return found.reshape(len(some), len(items), -1)

    family = np.zeros(shape, np.int64)
    for number in np.unique(audience):
        family[audience == number] = np.nanargmax(chances(everyone[of == number]).mean(axis=0), axis=1)
    every = chances(users)
    default = np.broadcast_to(world.items.default[items], shape)
    return Drawn(
        original=np.take_along_axis(every, default[:, :, None], axis=2)[:, :, 0],
        best=np.take_along_axis(every, family[:, :, None], axis=2)[:, :, 0],
        family=family,
    )


def chances_of(world: World, users: Ints, items: Ints, rows: Ints, style_probs: Floats, similarity: Floats) -> Floats:
    """(U, I) true probability of the picture that each user is shown, NaN without one.

    Parameters
    ----------
    world
        The model.
    users, items
        (U,) and (I,) numbers in it.
    rows
        (U, I) rows of pictures, -1 without one.
    style_probs, similarity
        (N, 6) and (N,) of pictures, as the judge sees them.
    """
    result = np.full(rows.shape, np.nan)
    at = rows >= 0
    user, item = np.nonzero(at)
    picture = rows[at]
    if picture.size:
        result[at] = world.click_probability(users[user], items[item], style_probs[picture], similarity[picture])
    return result
