"""What the stickers world knows and no log can tell: how much better a published cover truly is.

Simulated, every number of it: true click probabilities come from the world's model of users.
For every published pair of item and segment and every user of the segment we ask the model
for the probability of a click at position 1 on

- the original cover,
- the published cover, as the judge sees it,
- controls: the cover painted for another segment, and one painted without any preference,
- the best existing drawing: the real drawing in the family whose mean true probability over the
  segment's users is highest. It is the ceiling of what a change of style alone can do;
- the same drawing as the judge sees it. A painted cover is never taken at its word as an existing
  drawing is: the judge has to recognise its style, and it has to resemble a drawing that exists. Judged
  like that with its own copy put aside, a real drawing shows what a painter could get who draws as well
  as the families do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.model import World
from jobs.simulator.truth import all_drawings_probability
from recsys_eval.arm_names import BEST, JUDGED, ORIGINAL, UNSEEN
from recsys_eval.judge.appearance import Appearance, JudgedDrawings, appearance_of_drawings
from recsys_eval.judge.model import Judge
from recsys_eval.statistics.lift import Estimate, estimate
from reward_model.metrics import user_weights


@dataclass(frozen=True, kw_only=True)
class SegmentUsers:
    """Users by segment, and how much each counts. ``U`` users."""

    users: Ints
    """(U,) numbers in the world."""
    segment: Ints
    """(U,) number of the segment."""
    traffic: Floats
    """(U,) impressions a user has in the log."""


@dataclass(frozen=True, kw_only=True)
class ShownPictures:
    """Which picture each segment is shown for each item. ``I`` items, ``S`` segments, ``P`` pictures."""

    picture: Ints
    """(I, S) number of the picture, -1 where there is none."""
    appearance: Appearance
    """Of the P pictures."""


class ExistingDrawings(NamedTuple):
    """What the existing drawings of ``I`` items would get."""

    original: Floats
    """(U, I) probability of a click on the original."""
    best: Floats
    """(U, I) the same of the segment's best drawing."""
    family: Ints
    """(I, S) which family drew that."""


def original_and_best(world: World, audience: SegmentUsers, items: Ints) -> ExistingDrawings:
    """Original and best existing drawing of every segment.

    Parameters
    ----------
    world, audience
        The model and its users.
    items
        (I,) numbers in the world.
    """
    original = np.zeros((len(audience.users), len(items)))
    best = np.zeros_like(original)
    family = np.zeros((len(items), audience.segment.max() + 1), np.int64)
    for segment in np.unique(audience.segment):
        rows = np.flatnonzero(audience.segment == segment)
        user = np.repeat(audience.users[rows], len(items))
        item = np.tile(items, len(rows))
        every = all_drawings_probability(world, user, item).reshape(len(rows), len(items), -1)
        mean = np.average(every, axis=0, weights=audience.traffic[rows] + 1e-9)
        chosen = np.nanargmax(mean, axis=1)
        family[:, segment] = chosen
        best[rows] = np.take_along_axis(every, chosen[None, :, None], axis=2)[:, :, 0]
        original[rows] = np.take_along_axis(every, world.items.default[items][None, :, None], axis=2)[:, :, 0]
    return ExistingDrawings(original, best, family)


def judged_best(
    judge: Judge, drawings: JudgedDrawings, codes: Sequence[str], existing: ExistingDrawings
) -> dict[str, ShownPictures]:
    """The best drawing of every item and segment, judged as painted covers are: its own copy known, and put aside.

    Parameters
    ----------
    judge, drawings
        Who judges, and all real drawings of the items.
    codes
        (I,) subject of each item.
    existing
        Of the same items.
    """
    items, segments = existing.family.shape
    subjects = [code for code in codes for _ in range(segments)]
    families = existing.family.reshape(-1)
    picture = np.arange(items * segments).reshape(items, segments)
    return {
        name: ShownPictures(
            picture=picture, appearance=appearance_of_drawings(judge, drawings, subjects, families, unseen=unseen)
        )
        for name, unseen in ((JUDGED, False), (UNSEEN, True))
    }


def shown_probability(world: World, audience: SegmentUsers, items: Ints, pictures: ShownPictures) -> Floats:
    """Probability of the picture each user's segment is shown, (U, I); NaN where it is shown none."""
    result = np.full((len(audience.users), len(items)), np.nan)
    for segment in np.unique(audience.segment):
        rows = np.flatnonzero(audience.segment == segment)
        columns = np.flatnonzero(pictures.picture[:, segment] >= 0)
        picture = np.tile(pictures.picture[columns, segment], len(rows))
        chance = world.click_probability(
            np.repeat(audience.users[rows], len(columns)),
            np.tile(items[columns], len(rows)),
            pictures.appearance.style_probs[picture],
            pictures.appearance.similarity[picture],
        )
        result[np.ix_(rows, columns)] = chance.reshape(len(rows), len(columns))
    return result


@dataclass(frozen=True, kw_only=True)
class TruthFigures:
    """Means over published pairs, weighted by the users' traffic."""

    mean: dict[str, Estimate]
    """Arm to true click probability."""
    lift: dict[str, Estimate]
    """Arm to relative lift over the original."""
    gap_closed: dict[str, Estimate]
    """Arm to the share of the gap between original and best drawing that it closes."""
    users: int
    items: int


def arms_with_equal_cells(chances: Mapping[str, Floats], base: str) -> list[dict[str, Floats]]:
    """Arms grouped by the cells that they share with one of them, so that a group is measured at once.

    Parameters
    ----------
    chances
        Arm to (U, I) probabilities, NaN where it shows nothing.
    base
        The arm that all are compared with.

    Examples
    --------
    >>> one, two = np.array([[0.1, 0.2]]), np.array([[0.3, np.nan]])
    >>> [list(group) for group in arms_with_equal_cells({"a": one, "b": two, "c": one}, "a")]
    [['a', 'c'], ['b']]
    """
    groups: dict[bytes, dict[str, Floats]] = {}
    for arm, values in chances.items():
        cells = ~(np.isnan(values) | np.isnan(chances[base]))
        groups.setdefault(cells.tobytes(), {})[arm] = values
    return list(groups.values())


def truth_figures(chances: Mapping[str, Floats], traffic: Floats, *, resamples: int, seed: int) -> TruthFigures | None:
    """Means, lifts and the gap closed, with intervals over users and items at once.

    Users and items are resampled independently and their weights multiplied (Owen, "The pigeonhole
    bootstrap", AOAS 2007), so that both the luck of the users and that of the items widen the
    interval; it is conservative.

    Parameters
    ----------
    chances
        Arm to (U, I) probabilities, NaN where it shows nothing; has ``original`` and ``best drawing``.
        Only cells that all arms have are counted, so that every arm is compared on the same pairs.
    traffic
        (U,) weights.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    TruthFigures or None
        None where no cell has all arms.
    """
    names = list(chances)
    shown = np.logical_and.reduce([~np.isnan(values) for values in chances.values()])
    keep_users, keep_items = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not keep_users.size:
        return None
    cells = np.ix_(keep_users, keep_items)
    weight = traffic[keep_users, None] * shown[cells]
    matrices = [weight, *(weight * np.nan_to_num(chances[name][cells]) for name in names)]
    parts = []
    drawn = zip(
        user_weights(keep_users.size, resamples, seed), user_weights(keep_items.size, resamples, seed + 1), strict=True
    )
    for by_user, by_item in drawn:
        parts.append(np.stack([((by_user @ matrix) * by_item).sum(axis=1) for matrix in matrices], axis=1))
    sums = np.concatenate(parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {name: sums[:, number + 1] / sums[:, 0] for number, name in enumerate(names)}
    base, best = means[ORIGINAL], means[BEST]

    def of(draws: Floats, null: float | None = None) -> Estimate:
        return estimate(float(draws[0]), draws[1:], null=null)

    return TruthFigures(
        mean={name: of(draws) for name, draws in means.items()},
        lift={name: of(draws / base - 1.0, 0.0) for name, draws in means.items() if name != ORIGINAL},
        gap_closed={
            name: of((draws - base) / (best - base), 0.0)
            for name, draws in means.items()
            if name not in (ORIGINAL, BEST)
        },
        users=int(keep_users.size),
        items=int(keep_items.size),
    )
