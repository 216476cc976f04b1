"""What painted covers look like beside the real drawing that their audience likes best, cell by cell.

A cell is a user and an item. A measure has a value for a painted cover, perhaps one for that real drawing and one for
the item's original, and all arms are averaged over the same cells.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.arm_names import ORIGINAL
from recsys_eval.comparison.eyes import ENCODED, PERCEPTUAL, PLAIN_STYLE, SHAPE, SIMILAR
from recsys_eval.comparison.figures.audience import Audience
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.comparison.figures.worth import Means, resampled_means
from recsys_eval.panel.measures import SHAPES

REAL = "real drawings"
NEAREST = 10
"""Of R@10."""
OfPicture = Callable[[Lab, Ints, Ints, Ints], Floats]
"""Of rows of pictures, their items and families, arrays of one shape."""
OfDrawing = Callable[[Lab, Ints, Ints], Floats]
"""Of items and families."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One way to look at a cover that was painted for somebody who likes a family best."""

    painted: OfPicture
    real: OfDrawing | None = None
    """Of the real drawing by that family."""
    original: bool = False
    """Whether the original, which is a drawing too, is measured by ``real`` as an arm of its own."""
    new: bool = False
    """Leave out cells whose original is that drawing."""


def _in_style(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return np.asarray(lab.style[rows].argmax(axis=-1) == family, np.float64)


def _real_style(lab: Lab, item: Ints, family: Ints) -> Floats:
    return np.asarray(np.nan_to_num(lab.gallery.style[item, family]).argmax(axis=-1) == family, np.float64)


def _within(places: int) -> tuple[OfPicture, OfDrawing]:
    def painted(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
        return np.asarray(lab.ranks[rows, family] <= places, np.float64)

    def real(lab: Lab, item: Ints, family: Ints) -> Floats:
        return np.asarray(lab.real_ranks[item, family] <= places, np.float64)

    return painted, real


def _apart(lab: Lab, vectors: Floats, item: Ints, family: Ints) -> Floats:
    """1 minus the mean of two cosines, of what a picture shows and of how it is drawn, to a family's drawing."""
    return np.asarray(1 - (vectors * lab.gallery.encoded[item, family]).sum(axis=-1) / 2, np.float64)


def _distance(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return _apart(lab, lab.seen.looks[ENCODED][rows].astype(np.float64), item, family)


def _distance_of_original(lab: Lab, item: Ints, family: Ints) -> Floats:
    return _apart(lab, lab.gallery.encoded[item, lab.default[item]], item, family)


def _perceptual(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return np.asarray(lab.seen.looks[PERCEPTUAL][rows, family], np.float64)


def _plain_style(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return np.asarray((lab.seen.looks[PLAIN_STYLE][rows] == family[..., None]).mean(axis=-1), np.float64)


def _real_plain_style(lab: Lab, item: Ints, family: Ints) -> Floats:
    return np.asarray((lab.gallery.plain_style[item, family] == family[..., None]).mean(axis=-1), np.float64)


def _shape(place: int) -> tuple[OfPicture, OfDrawing]:
    def painted(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
        return np.asarray(lab.seen.looks[SHAPE][rows, place], np.float64)

    def real(lab: Lab, item: Ints, family: Ints) -> Floats:
        return np.asarray(lab.gallery.shape[item, family, place], np.float64)

    return painted, real


FIRST, TEN = _within(1), _within(NEAREST)
MEASURES: Mapping[str, Measure] = {
    "style": Measure(painted=_in_style, real=_real_style),
    "subject": Measure(painted=FIRST[0], real=FIRST[1]),
    "subject R@10": Measure(painted=TEN[0], real=TEN[1]),
    "distance": Measure(painted=_distance, real=_distance_of_original, original=True),
    "perceptual distance": Measure(
        painted=_perceptual, real=lambda lab, item, family: lab.gallery.perceptual[item, family], original=True
    ),
    "SSIM": Measure(
        painted=lambda lab, rows, item, family: np.asarray(lab.seen.looks[SIMILAR][rows], np.float64),
        real=lambda lab, item, family: lab.gallery.similar[item, family],
    ),
    "plain CNN style": Measure(painted=_plain_style, real=_real_plain_style, new=True),
    "plain CNN subject": Measure(
        painted=lambda lab, rows, item, family: lab.plain_found[rows, family],
        real=lambda lab, item, family: lab.real_plain_found[item, family],
        new=True,
    ),
    **{
        name: Measure(painted=painted, real=real, new=True)
        for name, (painted, real) in zip(SHAPES, map(_shape, range(len(SHAPES))), strict=True)
    },
}
"""By figure."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Users x items of an audience with the family that each user likes best. All (U, I)."""

    item: Ints
    family: Ints
    drawn: Flags
    """Whether that family draws the item."""
    new: Flags
    """Whether the original is by another one."""

    @classmethod
    def of(cls, lab: Lab, audience: Audience) -> "Cells":
        """Of all users and items."""
        shape = audience.drawn.family.shape
        family = np.broadcast_to(audience.favourite[:, None], shape)
        item = np.broadcast_to(np.arange(len(lab.items))[None, :], shape)
        return cls(item=item, family=family, drawn=lab.gallery.drawn[item, family], new=lab.default[None, :] != family)

    def wanted(self, measure: Measure) -> Flags:
        """Cells that a measure is about."""
        return self.drawn & self.new if measure.new else self.drawn


def appearances(lab: Lab, audience: Audience) -> Iterator[tuple[str, Means | None]]:
    """Every measure of every arm; the real drawing, or the original, beside them.

    Cells whose item the favourite family does not draw are left out.
    """
    for name in MEASURES:
        yield name, means_of(lab, audience, name, np.ones(len(audience.users), bool))


def means_of(lab: Lab, audience: Audience, name: str, rows: Flags) -> Means | None:
    """One measure of everything that some users are shown without a control, over the same cells."""
    measure, cells = MEASURES[name], Cells.of(lab, audience)
    wanted = cells.wanted(measure)
    arms: dict[str, Floats] = {}
    if measure.real is not None:
        values = np.where(wanted, measure.real(lab, cells.item, cells.family), np.nan)
        arms[ORIGINAL if measure.original else REAL] = values[None, rows]
    for arm, tables in audience.shown.items():
        if ": " not in arm:
            layers = [painted(lab, measure, table, cells, wanted) for table in tables]
            arms[arm] = np.stack(layers)[:, rows]
    return resampled_means(arms, audience.weight[rows], resamples=lab.resamples, seed=lab.seed)


def painted(lab: Lab, measure: Measure, table: Ints, cells: Cells, wanted: Flags) -> Floats:
    """(U, I) a measure of one table of pictures, NaN where it is not about them."""
    values = np.full(table.shape, np.nan)
    at = (table >= 0) & wanted
    values[at] = measure.painted(lab, table[at], cells.item[at], cells.family[at])
    return values
