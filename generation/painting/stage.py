"""Stage ``generate``: paint the plan, score the candidates, keep the best, commit.

Candidates of one wave are scored while the next ones are painted. What is in the store is not painted again, so a
killed run goes on where it was. Covers and their features are merged first; the one transaction that counts,
generated_covers of ds, comes last.
"""

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import TryAgainError, UsageError
from generation.catalogue import end_of_day
from generation.painting.inspection import Inspection, waves_of
from generation.painting.tasks import Row, Sampler, paint_units, paint_with_spark
from generation.personalization.methods import methods_of
from generation.planning.units import unit_of
from generation.rewards.registry import REWARDS
from generation.serving.backends import PaintBackend, open_backend
from generation.store import PaintedUnit, UnitStore
from jobs.cpu_time import CpuClock
from jobs.lake.context import Context, StageResult
from jobs.lake.pictures import mime_of
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.features import COVER_FEATURES
from jobs.lake.schema.feed import COVERS

logger = logging.getLogger(__name__)

MAX_FAILED_SHARE = 0.1
"""More failing units than this are not bad luck: something is broken."""
GATE = "nsfw"
"""The figure that decides whether a cover may be published at all."""


def run(ctx: Context) -> StageResult:
    """Write covers, cover_features and generated_covers of the plan of ds.

    Raises
    ------
    UsageError
        When there is no plan, or the plan was made for another generator or other sampler settings.
    TryAgainError
        When Triton cannot be reached or more than a tenth of the units fail; what was painted is kept.
    """
    plan = _read_plan(ctx)
    store = UnitStore(ctx.images)
    begin, clock = time.perf_counter(), CpuClock()
    painting, inspection = Painting(), Inspection(ctx)
    for wave, reused, painted in _painted(ctx, plan, store):
        painting.seconds = time.perf_counter() - begin
        painting.add(reused, painted)
        inspection.look(wave, [*reused, *painted])
    painting.cpu_seconds = clock.seconds() - sum(inspection.cpu_seconds.values())
    _report_failures(painting.failed, painting.units)
    candidates, embeddings, styles = inspection.found()

    rows = {
        "covers": ctx.lake.merge(_covers(ctx, candidates), "covers"),
        "cover_features": ctx.lake.merge(
            _features(candidates, embeddings, styles, inspection.scorer.encoder_id), "cover_features"
        ),
        "generated_covers": ctx.lake.replace(_generated(ctx, candidates), "generated_covers", ds=ctx.ds),
    }
    reused_pictures = len(candidates) - painting.pictures
    metrics = {
        "pictures_painted": float(painting.pictures),
        "pictures_reused": float(reused_pictures),
        "units_failed": float(len(painting.failed)),
        "pictures_asked_safety": float(candidates["nsfw"].notna().sum()),
        "paint_seconds": painting.seconds,
        "paint_cpu_seconds": painting.cpu_seconds,
        **{f"{part}_seconds": seconds for part, seconds in inspection.seconds.items()},
        **{f"{part}_cpu_seconds": seconds for part, seconds in inspection.cpu_seconds.items()},
        **({"pictures_per_second": painting.pictures / painting.seconds} if painting.pictures else {}),
    }
    note = f"{painting.pictures} pictures painted, {reused_pictures} reused, {len(painting.failed)} units failed"
    return StageResult(rows=rows, metrics=metrics, note=note)


@dataclass
class Painting:
    """What became of the plan's units so far."""

    units: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Error by unit."""
    pictures: int = 0
    """That were painted by this run."""
    seconds: float = 0.0
    """Wall seconds until the last picture was there; most of scoring and safety passed meanwhile."""
    cpu_seconds: float = 0.0
    """CPU seconds of everything but scoring and safety."""

    def add(self, reused: Sequence[Row], painted: Sequence[Row]) -> None:
        """Count units that are through."""
        self.units += len(reused) + len(painted)
        self.failed.update({row["unit_id"]: row["error"] for row in painted if row["error"]})
        self.pictures += sum(len(row["cover_ids"]) for row in painted)


def _read_plan(ctx: Context) -> pa.Table:
    if ctx.ds.isoformat() not in ctx.lake.partitions("generation_plan"):
        raise UsageError(f"generation_plan has no rows for {ctx.ds}: run `coverlift plan --ds {ctx.ds}` first")
    return ctx.lake.read("generation_plan", ds=ctx.ds).sort_by("rank")


def _painted(ctx: Context, plan: pa.Table, store: UnitStore) -> Iterator[tuple[pa.Table, list[Row], list[Row]]]:
    """Each wave of the plan, outcomes of units that were there and of those painted now; no server for nothing."""
    known = store.find_all(plan["unit_id"].to_pylist())
    waves = waves_of(plan)
    missing = [wave.filter(~pc.field("unit_id").isin(pa.array(list(known), pa.string()))) for wave in waves]
    ctx.progress(len(known), plan.num_rows, "units")
    with _painter(ctx, missing, store) as new:
        for wave, unpainted in zip(waves, missing, strict=True):
            reused = [_reused(known[unit_id]) for unit_id in wave["unit_id"].to_pylist() if unit_id in known]
            yield wave, reused, next(new) if unpainted.num_rows else []


def _reused(unit: PaintedUnit) -> Row:
    return {"unit_id": unit.unit_id, "generator": unit.generator, "cover_ids": list(unit.cover_ids), "error": None}


@contextmanager
def _painter(ctx: Context, missing: Sequence[pa.Table], store: UnitStore) -> Iterator[Iterator[list[Row]]]:
    """Outcomes of the waves of which something is missing, in their order."""
    todo = [wave for wave in missing if wave.num_rows]
    if not todo:
        yield iter(())
        return
    settings = ctx.settings.generation
    with open_backend(settings, ctx.home / "logs") as backend:
        sampler = Sampler(
            generators={method: backend.fingerprint(method) for method in methods_of(settings)},
            steps=settings.steps,
            guidance=settings.guidance,
            stored=settings.stored,
        )
        _check_plan(todo[0], sampler, ctx)
        with closing(_paint_missing(ctx, todo, backend, store, sampler)) as painted:
            yield painted


def _check_plan(plan: pa.Table, sampler: Sampler, ctx: Context) -> None:
    first = plan.slice(0, 1).to_pylist()[0]
    generator = sampler.generators[first["method"]]
    unit_id = unit_of(first).unit_id(
        generator=generator, steps=sampler.steps, guidance=sampler.guidance, stored=sampler.stored
    )
    if unit_id != first["unit_id"]:
        raise UsageError(
            f"The plan of {ctx.ds} was made for another generator, or for other steps, guidance or format, than "
            f"{generator} with {sampler.steps} steps and guidance {sampler.guidance}, which would "
            f"paint now: run `coverlift plan --ds {ctx.ds}` again, or correct the settings"
        )


def _paint_missing(
    ctx: Context, waves: Sequence[pa.Table], backend: PaintBackend, store: UnitStore, sampler: Sampler
) -> Generator[list[Row]]:
    """Through Spark tasks, or here when the model is in this process; a list a wave."""
    units = sum(wave.num_rows for wave in waves)

    def progress(done: int) -> None:
        ctx.progress(done, units, "units painted")

    if ctx.settings.generation.backend != "inprocess":
        yield from paint_with_spark(ctx.spark, waves, backend, store, sampler, progress)
        return
    done = 0
    for wave in waves:
        outcomes: list[Row] = []
        for outcome in paint_units(wave.to_pylist(), backend, store, sampler):
            outcomes.append(outcome)
            done += 1
            progress(done)
        yield outcomes


def _report_failures(failed: dict[str, str], units: int) -> None:
    for unit_id, error in list(failed.items())[:5]:
        logger.warning("unit %s was not painted: %s", unit_id, error)
    if len(failed) > MAX_FAILED_SHARE * units:
        unit_id, error = next(iter(failed.items()))
        raise TryAgainError(
            f"{len(failed)} of {units} units were not painted, like {unit_id}: {error}. "
            "Look at logs/triton.log, then run `coverlift generate` again; what was painted is kept."
        )


def _covers(ctx: Context, candidates: pd.DataFrame) -> pa.Table:
    unique = candidates.drop_duplicates(["cover_id", "item_id"])
    mime = mime_of(ctx.settings.generation.picture_format)
    rows = [
        {
            "cover_id": row["cover_id"],
            "item_id": row["item_id"],
            "source": "generated",
            "is_default": False,
            "uri": ctx.images.uri(row["cover_id"]),
            "mime": mime,
            "width": row["width"],
            "height": row["height"],
            "bytes": len(ctx.images.get(row["cover_id"])),
            "unit_id": row["unit_id"],
            "created_at": end_of_day(ctx.ds),
        }
        for row in unique.to_dict("records")
    ]
    return pa.Table.from_pylist(rows, schema=COVERS.schema)


def _features(candidates: pd.DataFrame, embeddings: Any, styles: Any, encoder_id: str) -> pa.Table:
    keep = ~candidates["cover_id"].duplicated().to_numpy()
    columns = {
        "cover_id": candidates["cover_id"][keep].tolist(),
        "encoder_id": [encoder_id] * int(keep.sum()),
        "embedding": list(embeddings[keep]),
        "style": list(styles[keep]),
    }
    return pa.table(columns, schema=COVER_FEATURES.schema)


def _generated(ctx: Context, candidates: pd.DataFrame) -> pa.Table:
    names = [name for name in GENERATED_COVERS.schema.names if name not in ("ds", "rewards")]
    rows = [
        {
            **{name: row[name] for name in names},
            "ds": ctx.ds.isoformat(),
            "rewards": [(name, float(row[name])) for name in (*REWARDS, GATE) if not np.isnan(row.get(name, np.nan))],
        }
        for row in candidates.to_dict("records")
    ]
    return pa.Table.from_pylist(rows, schema=GENERATED_COVERS.schema)
