"""Painting units that are not painted yet: the code of a Spark task, and of a night without Triton."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from conf.errors import TryAgainError
from generation.canvas import BUILT_IN, reference_pixels
from generation.pictures import to_pixels
from generation.planning.units import unit_of
from generation.serving.backends import PaintBackend
from generation.store import UnitStore
from generation.types import SEEN, SIZE, PaintRequest
from jobs.lake.pictures import LOSSLESS, encoded

if TYPE_CHECKING:
    from pyspark import Accumulator
    from pyspark.sql import SparkSession

PICTURES_PER_TASK = 96
"""A task is some seconds of painting: what a lost executor costs, and how often progress is seen."""
POLL_S = 1.0
OUTCOME = pa.schema(
    [
        pa.field("unit_id", pa.string()),
        pa.field("generator", pa.string()),
        pa.field("cover_ids", pa.list_(pa.string())),
        pa.field("error", pa.string()),
    ]
)
"""One row per unit: its pictures, or why it has none."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """What decides pixels beside the unit itself."""

    generators: Mapping[str, str]
    """Fingerprint of the weights that the plan was made for, by method."""
    steps: int
    guidance: tuple[float, ...]
    """The candidates of a unit take them in turn."""
    stored: tuple[str, int] | None = None
    """Format and quality of pictures that lose something when they are stored; None is lossless."""


def paint_units(rows: Iterable[Row], backend: PaintBackend, store: UnitStore, sampler: Sampler) -> Iterator[Row]:
    """Paint and store the units of plan rows; a unit that is stored already is not painted again.

    Yields
    ------
    Mapping
        A row of ``OUTCOME`` per unit, as units become whole. A unit with a failed candidate fails.

    Raises
    ------
    TryAgainError
        When whoever paints cannot be reached.
    """
    todo = []
    for row in rows:
        found = store.find(row["unit_id"])
        if found is None:
            todo.append(row)
        else:
            yield _outcome(row["unit_id"], found.generator, list(found.cover_ids), None)
    shown = lru_cache(maxsize=None)(
        lambda cover_ids, size: _pictures(cover_ids, size, store)
    )  # many units of a segment
    requests = [request for row in todo for request in _requests(row, store, sampler, shown)]
    owners = [(row, number) for row in todo for number in range(row["candidates"])]
    painted: dict[str, dict[int, bytes]] = {row["unit_id"]: {} for row in todo}
    failed: dict[str, tuple[str, str]] = {}
    for result in backend.paint(requests):
        row, number = owners[result.index]
        unit_id, done = row["unit_id"], painted[row["unit_id"]]
        planned = sampler.generators[row["method"]]
        if result.picture is None:
            failed[unit_id] = planned, str(result.error)
        elif result.generator != planned:
            failed[unit_id] = planned, f"painted by generator {result.generator}, planned for {planned}"
        else:
            done[number] = encoded(result.picture, *(sampler.stored or (LOSSLESS,)))
        if len(done) == row["candidates"]:
            pictures = [done[each] for each in range(len(done))]
            unit = store.add(unit_id=unit_id, generator=planned, pictures=pictures)
            yield _outcome(unit_id, unit.generator, list(unit.cover_ids), None)
    for unit_id, (planned, error) in failed.items():
        yield _outcome(unit_id, planned, [], error)


def _pictures(cover_ids: tuple[str, ...], size: int, store: UnitStore) -> NDArray[np.uint8]:
    """(K, size, size, 3) uint8 RGB."""
    return np.stack([to_pixels(store.images.get(cover_id), size) for cover_id in cover_ids])


def _requests(
    row: Row, store: UnitStore, sampler: Sampler, shown: Callable[[tuple[str, ...], int], NDArray[np.uint8]]
) -> list[PaintRequest]:
    unit = unit_of(row)
    reference = reference_pixels(store.images.get(unit.reference_cover_id), unit.size)
    history = None if unit.history_id is None else store.history(unit.history_id)
    tokens = None if unit.tokens is None else np.asarray(unit.tokens, np.int32)
    seen_at = SIZE if unit.size in BUILT_IN else SEEN
    pictures = None if unit.clicked_covers is None else shown(unit.clicked_covers, seen_at)
    return [
        PaintRequest(
            prompt=unit.prompt,
            reference=reference,
            preference=unit.preference,
            seed=seed,
            steps=sampler.steps,
            guidance=sampler.guidance[number % len(sampler.guidance)],
            method=unit.method,
            history=history,
            tokens=tokens,
            pictures=pictures,
        )
        for number, seed in enumerate(unit.seeds())
    ]


def _outcome(unit_id: str, generator: str, cover_ids: list[str], error: str | None) -> dict[str, Any]:
    return {"unit_id": unit_id, "generator": generator, "cover_ids": cover_ids, "error": error}


@dataclass(frozen=True, kw_only=True)
class PaintTask:
    """What a Spark task runs through ``mapInArrow``: its part of the plan, through the served model."""

    backend: PaintBackend
    store: UnitStore
    sampler: Sampler
    counter: "Accumulator[int]"
    """Units that are through."""

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of ``OUTCOME``."""
        rows = [row for batch in batches for row in batch.to_pylist()]
        outcomes = list(paint_units(rows, self.backend, self.store, self.sampler))
        self.counter.add(len(outcomes))
        if outcomes:
            yield pa.RecordBatch.from_pylist(outcomes, schema=OUTCOME)


def paint_with_spark(
    spark: "SparkSession",
    waves: Sequence[pa.Table],
    backend: PaintBackend,
    store: UnitStore,
    sampler: Sampler,
    progress: Callable[[int], None],
) -> Iterator[list[Row]]:
    """Paint parts of a plan in Spark tasks, in their order; a job each, all handed over at once, so no core waits.

    Parameters
    ----------
    spark
        The session.
    waves
        Rows of ``generation_plan``, best ranks first.
    backend, store
        Pickled to the tasks.
    sampler
        What decides pixels beside the units.
    progress
        Called about once a second with the number of units that are through.

    Yields
    ------
    list of Mapping
        Rows of ``OUTCOME`` of a wave, in their order; the next ones are painted meanwhile.

    Raises
    ------
    TryAgainError
        When Triton cannot be reached from a task.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import from_arrow_schema

    context = spark.sparkContext
    counter = context.accumulator(0)
    task = PaintTask(backend=backend, store=store, sampler=sampler, counter=counter)

    def collect(wave: pa.Table) -> pa.Table:
        context.setJobGroup("generate", "painting covers", interruptOnCancel=True)
        parts = max(1, math.ceil(sum(wave["candidates"].to_pylist()) / PICTURES_PER_TASK))
        frame = spark.createDataFrame(wave).repartitionByRange(parts, "rank")
        return frame.mapInArrow(task, from_arrow_schema(OUTCOME)).toArrow()

    with ThreadPoolExecutor(max(1, len(waves))) as pool:
        jobs = [pool.submit(collect, wave) for wave in waves]
        try:
            for job in jobs:
                while not job.done():
                    wait([job], timeout=POLL_S)
                    progress(counter.value)
                yield job.result().to_pylist()
        except PySparkException as error:
            context.cancelJobGroup("generate")
            if TryAgainError.__name__ in str(error):
                raise TryAgainError(_last_words(str(error))) from error
            raise
        except BaseException:
            context.cancelJobGroup("generate")
            raise


def _last_words(trace: str) -> str:
    """The message of the TryAgainError that a worker's traceback ends with."""
    said = [line for line in trace.splitlines() if TryAgainError.__name__ in line and ": " in line]
    return said[-1].partition(f"{TryAgainError.__name__}: ")[2] or said[-1]
