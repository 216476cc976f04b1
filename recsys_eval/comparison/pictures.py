"""Painting and looking at a comparison's units, in batches that are kept: killed, it goes on.

A batch's members follow from the plan alone, and a batch is painted and looked at as a whole or not at all (its file
appears in one step): a pixel may differ by 1/255 between batch sizes, so a resumed comparison gives the same bytes only
if no batch is ever painted in parts.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generation.planning.units import PaintUnit
from jobs.lake.arrays import Floats32, Ints, Pixels
from recsys_eval.comparison.cast import Cast
from recsys_eval.comparison.plan import Painters, Plan

BATCH = 16


class Paints(Protocol):
    """What of :class:`generation.diffusion.painter.Painter` is used here."""

    def paint(
        self,
        *,
        prompts: list[str],
        references: Pixels,
        preferences: Floats32,
        seeds: Ints,
        steps: int,
        guidance: Floats32,
        method: str,
    ) -> Pixels:
        """(B, 64, 64, 3)."""
        ...


class Looks(Protocol):
    """Who looks at painted pictures: the judge and the encoder, see :mod:`recsys_eval.comparison.eyes`."""

    def __call__(self, pixels: Pixels) -> Mapping[str, Floats32]:
        """Arrays of (N, ...), by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All pictures of a plan. ``N`` units."""

    row: Mapping[str, int]
    """Unit id to row."""
    pixels: Pixels
    """(N, 64, 64, 3)."""
    looks: Mapping[str, Floats32]
    """What was seen in them, (N, ...) each."""

    def rows(self, units: NDArray[np.object_]) -> Ints:
        """Row of every unit of a table of ids, -1 where it is empty."""
        flat = [self.row[name] if name else -1 for name in units.reshape(-1).tolist()]
        return np.array(flat, np.int64).reshape(units.shape)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Units that are painted together, all by one method."""

    ids: tuple[str, ...]
    units: tuple[PaintUnit, ...]

    @property
    def name(self) -> str:
        """Hash of the ids in their order."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()[:24]


def batches_of(plan: Plan) -> list[Batch]:
    """The plan's units in batches, a method after the other."""
    found = []
    for method in dict.fromkeys(unit.method for unit in plan.units.values()):
        mine = [(name, unit) for name, unit in plan.units.items() if unit.method == method]
        parts = [mine[start : start + BATCH] for start in range(0, len(mine), BATCH)]
        found += [Batch(ids=tuple(n for n, _ in part), units=tuple(u for _, u in part)) for part in parts]
    return found


def missing(batches: Sequence[Batch], folder: Path) -> list[Batch]:
    """Batches that the folder has not yet."""
    return [batch for batch in batches if not (folder / f"{batch.name}.npz").is_file()]


def paint_missing(
    batches: Sequence[Batch],
    folder: Path,
    painter: Paints,
    looks: Looks,
    cast: Cast,
    painters: Painters,
    progress: Callable[[int, int], None],
) -> None:
    """Paint and look at the batches that the folder has not yet; ``progress`` is told pictures done and in all."""
    folder.mkdir(parents=True, exist_ok=True)
    column = {item: place for place, item in enumerate(cast.item_ids)}
    todo = missing(batches, folder)
    total = sum(len(batch.ids) for batch in todo)
    done = 0
    for batch in todo:
        pixels = painter.paint(
            prompts=[unit.prompt for unit in batch.units],
            references=cast.pixels[[column[unit.item_id] for unit in batch.units]],
            preferences=np.stack([unit.preference for unit in batch.units]),
            seeds=np.array([unit.seeds()[0] for unit in batch.units], np.int64),
            steps=painters.settings.steps,
            guidance=np.full(len(batch.ids), painters.guidance[0], np.float32),
            method=batch.units[0].method,
        )
        partial = folder / f"{batch.name}.{uuid.uuid4().hex}.part"
        with partial.open("wb") as file:
            np.savez_compressed(file, pixels=pixels, **looks(pixels))
        os.replace(partial, folder / f"{batch.name}.npz")
        done += len(batch.ids)
        progress(done, total)


def load(batches: Sequence[Batch], folder: Path) -> Seen:
    """What :func:`paint_missing` kept."""
    parts = []
    for batch in batches:
        with np.load(folder / f"{batch.name}.npz", allow_pickle=False) as file:
            parts.append({name: file[name] for name in file.files})
    names = [name for batch in batches for name in batch.ids]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    pixels = arrays.pop("pixels")
    return Seen(row={name: row for row, name in enumerate(names)}, pixels=pixels, looks=arrays)
