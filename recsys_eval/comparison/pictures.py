"""Painting and looking at a comparison's units, in batches that are kept: killed, it goes on.

A batch's members follow from the plan alone, and a batch is painted and looked at as a whole or not at all (its file
appears in one step): a pixel may differ by 1/255 between batch sizes, so a resumed comparison gives the same bytes only
if no batch is ever painted in parts.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generation.canvas import resized, size_of
from generation.planning.units import PaintUnit
from generation.serving.requests import Painter
from jobs.lake.arrays import Ints, Pixels
from recsys_eval.comparison.cast import Cast
from recsys_eval.comparison.plan import Painters, Plan

BATCH = 16
SPEED = "speed.jsonl"
"""A line for each batch that was painted; beside the batches, as two runs never take the same time."""


class Looks(Protocol):
    """Who looks at painted pictures, see :mod:`recsys_eval.comparison.eyes`."""

    def __call__(self, pixels: Pixels, items: Ints, *, brief: bool) -> Mapping[str, NDArray[Any]]:
        """Arrays of (N, ...), by name, of pictures of (N,) items; ``brief`` leaves out what noise is not asked."""
        ...


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All pictures of a plan. ``N`` units."""

    row: Mapping[str, int]
    """Unit id to row."""
    pixels: Pixels
    """(N, 64, 64, 3)."""
    looks: Mapping[str, NDArray[Any]]
    """What was seen in them, (N, ...) each; NaN, or -1 of whole numbers, where nobody looked."""

    def rows(self, units: NDArray[np.object_]) -> Ints:
        """Row of every unit of a table of ids, -1 where it is empty."""
        flat = [self.row[name] if name else -1 for name in units.reshape(-1).tolist()]
        return np.array(flat, np.int64).reshape(units.shape)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Units that are painted together, all by one arm and told the same kinds of things."""

    arm: str
    brief: bool
    """Whether they are painted for noise alone, and looked at briefly."""
    ids: tuple[str, ...]
    units: tuple[PaintUnit, ...]

    @property
    def name(self) -> str:
        """Hash of the ids in their order, and of how they are looked at."""
        return hashlib.sha256("\n".join(["brief" if self.brief else "whole", *self.ids]).encode()).hexdigest()[:24]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What painting and looking at a batch took."""

    arm: str
    pictures: int
    seconds: float
    """Painting."""
    cpu_seconds: float
    """Painting, of all threads."""
    looking_seconds: float


def batches_of(plan: Plan) -> list[Batch]:
    """The plan's units in batches, an arm after the other; those for noise apart, and those without a history."""

    def kind(entry: tuple[str, PaintUnit]) -> tuple[int, bool, bool, bool]:
        name, unit = entry
        told = unit.history_id is None, unit.tokens is None
        return order[plan.painted_by[name]], name in plan.with_noise, *told

    order = {arm: place for place, arm in enumerate(dict.fromkeys(plan.painted_by.values()))}
    found = []
    for (arm, brief, _, _), group in groupby(sorted(plan.units.items(), key=kind), key=kind):
        mine, name = list(group), list(order)[arm]
        for start in range(0, len(mine), BATCH):
            ids, units = zip(*mine[start : start + BATCH], strict=True)
            found.append(Batch(arm=name, brief=brief, ids=ids, units=units))
    return found


def missing(batches: Sequence[Batch], folder: Path) -> list[Batch]:
    """Batches that the folder has not yet."""
    return [batch for batch in batches if not (folder / f"{batch.name}.npz").is_file()]


@dataclass(frozen=True, kw_only=True)
class Studio:
    """By what, of what and before whom a comparison's pictures are painted."""

    painters: Painters
    cast: Cast
    open_painter: Callable[[str], Painter]
    """The painter of an arm."""
    looks: Looks

    def paint_missing(
        self, batches: Sequence[Batch], plan: Plan, folder: Path, progress: Callable[[int, int], None]
    ) -> None:
        """Paint and look at the batches that the folder lacks; ``progress`` is told pictures done and in all."""
        folder.mkdir(parents=True, exist_ok=True)
        todo = missing(batches, folder)
        total, done = sum(len(batch.ids) for batch in todo), 0
        for batch in todo:
            if not missing([batch], folder):
                continue  # another process that works in the same folder was quicker
            spent = self._paint(batch, plan, folder)
            with (folder / SPEED).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(spent)) + "\n")
            done += len(batch.ids)
            progress(done, total)

    def _paint(self, batch: Batch, plan: Plan, folder: Path) -> Spent:
        column = {item: place for place, item in enumerate(self.cast.item_ids)}
        items = np.array([column[unit.item_id] for unit in batch.units], np.int64)
        painter = self.open_painter(batch.arm)
        began, cpu = time.perf_counter(), time.process_time()
        covers = self.cast.pixels[items]
        pixels = painter.paint(
            prompts=[unit.prompt for unit in batch.units],
            references=resized(covers, batch.units[0].size),
            preferences=np.stack([unit.preference for unit in batch.units]),
            seeds=np.array([unit.seeds()[0] for unit in batch.units], np.int64),
            steps=self.painters.settings.steps,
            guidance=np.full(len(batch.ids), self.painters.guidance[0], np.float32),
            method=self.painters.arms[batch.arm].method,
            **_extras(batch, plan),
        )
        pixels = resized(pixels, size_of(covers))
        painted, cpu = time.perf_counter(), time.process_time() - cpu
        partial = folder / f"{batch.name}.{uuid.uuid4().hex}.part"
        with partial.open("wb") as file:
            np.savez_compressed(file, pixels=pixels, **self.looks(pixels, items, brief=batch.brief))
        os.replace(partial, folder / f"{batch.name}.npz")
        return Spent(
            arm=batch.arm,
            pictures=len(batch.ids),
            seconds=painted - began,
            cpu_seconds=cpu,
            looking_seconds=time.perf_counter() - painted,
        )


def _extras(batch: Batch, plan: Plan) -> dict[str, Any]:
    """Histories and tokens, where the batch has them."""
    found: dict[str, Any] = {}
    if batch.units[0].history_id is not None:
        found["histories"] = np.stack([plan.histories[unit.history_id] for unit in batch.units if unit.history_id])
    if batch.units[0].tokens is not None:
        found["tokens"] = np.array([unit.tokens for unit in batch.units], np.int32)
    return found


def load(batches: Sequence[Batch], folder: Path) -> Seen:
    """What :meth:`Studio.paint_missing` kept."""
    parts = []
    for batch in batches:
        with np.load(folder / f"{batch.name}.npz", allow_pickle=False) as file:
            parts.append({name: file[name] for name in file.files})
    shapes = {name: array[:1] for part in parts for name, array in part.items()}
    arrays = {
        name: np.concatenate([part.get(name, _unseen(like, len(part["pixels"]))) for part in parts])
        for name, like in shapes.items()
    }
    names = [name for batch in batches for name in batch.ids]
    pixels = arrays.pop("pixels")
    return Seen(row={name: row for row, name in enumerate(names)}, pixels=pixels, looks=arrays)


def _unseen(like: NDArray[Any], count: int) -> NDArray[Any]:
    """Rows of what nobody looked at."""
    nothing = np.nan if np.issubdtype(like.dtype, np.floating) else -1
    return np.full((count, *like.shape[1:]), nothing, like.dtype)
