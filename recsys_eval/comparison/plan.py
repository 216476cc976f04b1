"""Which pictures a comparison needs: for each arm, seed and audience a table of who gets which unit.

A unit is that of a night (:mod:`generation.planning.units`) with one candidate. The noise that painting starts from
depends on the item and the painting seed alone, so that arms differ by method and by what is told and by nothing else;
and who has nothing to tell, a user without clicks, is the same unit as everybody's, bit for bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from conf.settings import GenerationSettings
from generation.canvas import like, size_of
from generation.history import history_id
from generation.personalization.methods import canvases_of, method_of
from generation.planning.units import PaintUnit, rounded, unit_seed
from generation.types import SegmentProfile
from jobs.lake.arrays import Flags, Floats32
from jobs.lake.schema.columns import EMBED_DIM, UNPERSONALISED
from recsys_eval.comparison.arms import Arm
from recsys_eval.comparison.cast import Cast

Level = Literal["segment", "user"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What one arm paints with one seed for one audience."""

    method: str
    seed: int
    """Place of the painting seed, from 0."""
    audience: str
    """``segment``, ``everybody``, ``user``, or a noise: ``household 40%``."""
    whom: tuple[str, ...]
    """(W,) segments or users."""
    units: NDArray[np.object_]
    """(W, I) unit ids, empty where nothing is painted."""


@dataclass
class Plan:
    """Tables of everything that is painted, and each unit once."""

    tables: list[Table] = field(default_factory=list)
    units: dict[str, PaintUnit] = field(default_factory=dict)
    """By id, in the order of painting."""
    painted_by: dict[str, str] = field(default_factory=dict)
    """Arm that paints a unit, by id."""
    histories: dict[str, Floats32] = field(default_factory=dict)
    """(48, 165) by the id that units name."""
    with_noise: set[str] = field(default_factory=set)
    """Ids of units that are painted for noise alone."""

    def table(self, method: str, audience: str, seed: int = 0) -> Table:
        """The table of an arm, an audience and a seed."""
        return next(each for each in self.seeds(method, audience) if each.seed == seed)

    def seeds(self, method: str, audience: str) -> list[Table]:
        """The tables of all painting seeds, in order."""
        return [each for each in self.tables if (each.method, each.audience) == (method, audience)]


@dataclass(frozen=True, kw_only=True)
class Painters:
    """By what the pictures are painted."""

    arms: Mapping[str, Arm]
    """By name."""
    settings: GenerationSettings

    @property
    def guidance(self) -> tuple[float, ...]:
        """One candidate, at the mean of the night's guidances; three decimals, as float sums differ in the last."""
        return (round(self.settings.mean_guidance, 3),)


def profile_of(
    name: str, preference: Floats32, history: Floats32 | None = None, tokens: NDArray[np.int32] | None = None
) -> SegmentProfile:
    """What a method is told of somebody; a preference of zeros is nobody's."""
    known = bool(preference.any())
    return SegmentProfile(
        segment_id=name if known else UNPERSONALISED,
        pref_embedding=preference[:EMBED_DIM],
        pref_style=preference[EMBED_DIM:],
        history=history if known else None,
        tokens=tokens if known else None,
    )


def units_for(
    cast: Cast,
    painters: Painters,
    arm: str,
    profiles: Sequence[SegmentProfile],
    wanted: Flags,
    seed: int,
) -> Iterator[tuple[int, int, str, PaintUnit]]:
    """Row, column, id and unit of everything that an arm paints for some profiles.

    Parameters
    ----------
    cast
        Items.
    painters
        Weights and settings.
    arm
        Its name.
    profiles
        (W,) of whom.
    wanted
        (W, I) what is painted.
    seed
        Place of the painting seed.
    """
    spec = painters.arms[arm]
    folder = None if spec.folder is None else str(spec.folder)
    speaks = method_of(spec.method, painters.settings.painted_by(spec.method, folder))
    size = like(size_of(cast.pixels), canvases_of(spec.method, spec.folder, painters.settings))
    for row, column in zip(*np.nonzero(wanted), strict=True):
        item, profile = cast.content[column], profiles[row]
        told = speaks.condition(profile, item)
        unit = PaintUnit(
            item_id=item.item_id,
            segment_id=profile.segment_id,
            prompt=told.prompt,
            reference_cover_id=item.reference_cover_id,
            preference=rounded(told.preference),
            method=spec.method,
            seed=unit_seed(painters.settings.seed + seed, item.item_id, ""),
            candidates=1,
            history_id=None if told.history is None else history_id(told.history),
            tokens=None if told.tokens is None else tuple(told.tokens.tolist()),
            size=size,
        )
        name = unit.unit_id(generator=spec.fingerprint, steps=painters.settings.steps, guidance=painters.guidance)
        yield int(row), int(column), name, unit


def add_arm(
    plan: Plan,
    cast: Cast,
    painters: Painters,
    *,
    method: str,
    audience: str,
    seed: int,
    profiles: Sequence[SegmentProfile],
    whom: Sequence[str],
    wanted: Flags,
) -> None:
    """Add a table and what of its units the plan has not yet; arguments as in :func:`units_for`."""
    table = np.full(wanted.shape, "", dtype=object)
    plan.histories |= {history_id(each.history): each.history for each in profiles if each.history is not None}
    for row, column, name, unit in units_for(cast, painters, method, profiles, wanted, seed):
        table[row, column] = name
        if name not in plan.units:
            plan.units[name] = unit
            plan.painted_by[name] = method
            if audience not in ("segment", "everybody", "user"):
                plan.with_noise.add(name)
    plan.tables.append(Table(method=method, seed=seed, audience=audience, whom=tuple(whom), units=table))
