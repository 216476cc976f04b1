"""Which pictures a comparison needs: an arm a method, seed and audience, each a table of who gets which unit.

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
from generation.personalization.methods import method_named
from generation.planning.units import PaintUnit, rounded, unit_seed
from generation.types import SegmentProfile
from jobs.lake.arrays import Flags, Floats32
from jobs.lake.tables import EMBED_DIM, UNPERSONALISED
from recsys_eval.comparison.cast import Cast

Level = Literal["segment", "user"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What one method paints with one seed for one audience."""

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
    """Arms, and each unit once."""

    arms: list[Arm] = field(default_factory=list)
    units: dict[str, PaintUnit] = field(default_factory=dict)
    """By id, in the order of painting."""
    with_noise: set[str] = field(default_factory=set)
    """Ids of units that are painted for noise alone."""

    def arm(self, method: str, audience: str, seed: int = 0) -> Arm:
        """The arm of a method, an audience and a seed."""
        return next(arm for arm in self.arms if (arm.method, arm.audience, arm.seed) == (method, audience, seed))

    def seeds(self, method: str, audience: str) -> list[Arm]:
        """The arms of all painting seeds, in order."""
        return [arm for arm in self.arms if (arm.method, arm.audience) == (method, audience)]


@dataclass(frozen=True, kw_only=True)
class Painters:
    """By what the pictures are painted."""

    fingerprints: Mapping[str, str]
    """Of all weights, by method."""
    settings: GenerationSettings

    @property
    def guidance(self) -> tuple[float, ...]:
        """One candidate, at the mean of the night's guidances; three decimals, as float sums differ in the last."""
        return (round(self.settings.mean_guidance, 3),)


def profile_of(name: str, preference: Floats32, history: Floats32 | None = None) -> SegmentProfile:
    """What a method is told of somebody; a preference of zeros is nobody's."""
    known = bool(preference.any())
    return SegmentProfile(
        segment_id=name if known else UNPERSONALISED,
        pref_embedding=preference[:EMBED_DIM],
        pref_style=preference[EMBED_DIM:],
        history=history if known else None,
    )


def units_for(
    cast: Cast,
    painters: Painters,
    method: str,
    profiles: Sequence[SegmentProfile],
    wanted: Flags,
    seed: int,
) -> Iterator[tuple[int, int, str, PaintUnit]]:
    """Row, column, id and unit of everything that a method paints for some profiles.

    Parameters
    ----------
    cast
        Items.
    painters
        Weights and settings.
    method
        Its name.
    profiles
        (W,) of whom.
    wanted
        (W, I) what is painted.
    seed
        Place of the painting seed.
    """
    speaks = method_named(method)
    for row, column in zip(*np.nonzero(wanted), strict=True):
        item, profile = cast.content[column], profiles[row]
        told = speaks.condition(profile, item)
        unit = PaintUnit(
            item_id=item.item_id,
            segment_id=profile.segment_id,
            prompt=told.prompt,
            reference_cover_id=item.reference_cover_id,
            preference=rounded(told.preference),
            method=method,
            seed=unit_seed(painters.settings.seed + seed, item.item_id, ""),
            candidates=1,
        )
        name = unit.unit_id(
            generator=painters.fingerprints[method], steps=painters.settings.steps, guidance=painters.guidance
        )
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
    """Add an arm and what of its units the plan has not yet; arguments as in :func:`units_for`."""
    table = np.full(wanted.shape, "", dtype=object)
    for row, column, name, unit in units_for(cast, painters, method, profiles, wanted, seed):
        table[row, column] = name
        if name not in plan.units:
            plan.units[name] = unit
            if audience not in ("segment", "everybody", "user"):
                plan.with_noise.add(name)
    plan.arms.append(Arm(method=method, seed=seed, audience=audience, whom=tuple(whom), units=table))
