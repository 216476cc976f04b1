"""Stage ``generate``: paint the plan, score the candidates, keep the best, commit.

What is in the store is not painted again, so a killed run goes on where it was. Covers and
their features are merged first; the one transaction that counts, generated_covers of ds,
comes last.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import TryAgainError, UsageError
from generation.catalogue import end_of_day
from generation.painting.tasks import Row, Sampler, paint_units, paint_with_spark
from generation.personalization.methods import methods_of
from generation.pictures import MIME, to_pixels
from generation.planning.units import unit_of
from generation.rewards.candidates import CandidateScorer, choose
from generation.rewards.registry import REWARDS
from generation.rewards.safety import Safety, SafetyDown
from generation.serving.backends import PaintBackend, open_backend
from generation.store import UnitStore
from generation.types import SIZE
from jobs.cpu_time import cpu_seconds
from jobs.lake.context import Context, StageResult
from jobs.lake.tables import COVER_FEATURES, COVERS, GENERATED_COVERS, SHOWN_PURPOSES
from reward_model.encoders.assets import OPEN_NSFW, AssetError, verified_asset

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
    watch = _Watch()
    outcomes, painted = _paint(ctx, plan, store)
    watch.lap("paint")
    failed = {row["unit_id"]: row["error"] for row in outcomes if row["error"]}
    _report_failures(failed, len(outcomes))

    candidates = _candidates(ctx, plan, outcomes)
    pictures = np.stack([to_pixels(ctx.images.get(cover_id)) for cover_id in candidates["cover_id"]])
    scorer = CandidateScorer(ctx)
    embeddings, styles = scorer.encode(pictures)
    candidates = candidates.join(scorer.score(candidates, pictures, embeddings, styles))
    watch.lap("score")
    candidates = candidates.join(_chosen(ctx, candidates, pictures))
    watch.lap("safety")

    rows = {
        "covers": ctx.lake.merge(_covers(ctx, candidates), "covers"),
        "cover_features": ctx.lake.merge(
            _features(candidates, embeddings, styles, scorer.encoder_id), "cover_features"
        ),
        "generated_covers": ctx.lake.replace(_generated(ctx, candidates), "generated_covers", ds=ctx.ds),
    }
    reused = len(candidates) - painted
    metrics = {
        "pictures_painted": float(painted),
        "pictures_reused": float(reused),
        "units_failed": float(len(failed)),
        "pictures_asked_safety": float(candidates["nsfw"].notna().sum()),
        **watch.metrics,
        **({"pictures_per_second": painted / watch.metrics["paint_seconds"]} if painted else {}),
    }
    note = f"{painted} pictures painted, {reused} reused, {len(failed)} units failed"
    return StageResult(rows=rows, metrics=metrics, note=note)


class _Watch:
    """Wall and CPU seconds of the parts of the stage, as metrics."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self._last = time.perf_counter(), cpu_seconds()

    def lap(self, part: str) -> None:
        """What passed since the lap before belongs to ``part``."""
        last, self._last = self._last, (time.perf_counter(), cpu_seconds())
        self.metrics[f"{part}_seconds"], self.metrics[f"{part}_cpu_seconds"] = (
            now - then for now, then in zip(self._last, last, strict=True)
        )


def _read_plan(ctx: Context) -> pa.Table:
    if ctx.ds.isoformat() not in ctx.lake.partitions("generation_plan"):
        raise UsageError(f"generation_plan has no rows for {ctx.ds}: run `coverlift plan --ds {ctx.ds}` first")
    return ctx.lake.read("generation_plan", ds=ctx.ds).sort_by("rank")


def _paint(ctx: Context, plan: pa.Table, store: UnitStore) -> tuple[list[Row], int]:
    """An outcome per unit, and how many pictures were painted now; no server is started for nothing."""
    known = store.find_all(plan["unit_id"].to_pylist())
    outcomes: list[Row] = [
        {"unit_id": unit.unit_id, "generator": unit.generator, "cover_ids": list(unit.cover_ids), "error": None}
        for unit in known.values()
    ]
    missing = plan.filter(~pc.field("unit_id").isin(pa.array(list(known), pa.string())))
    ctx.progress(len(outcomes), plan.num_rows, "units")
    if not missing.num_rows:
        return outcomes, 0
    settings = ctx.settings.generation
    with open_backend(settings, ctx.home / "logs") as backend:
        sampler = Sampler(
            generators={method: backend.fingerprint(method) for method in methods_of(settings)},
            steps=settings.steps,
            guidance=settings.guidance,
        )
        _check_plan(missing, sampler, ctx)
        new = _paint_missing(ctx, missing, backend, store, sampler)
    return [*outcomes, *new], sum(len(row["cover_ids"]) for row in new)


def _check_plan(plan: pa.Table, sampler: Sampler, ctx: Context) -> None:
    first = plan.slice(0, 1).to_pylist()[0]
    generator = sampler.generators[first["method"]]
    unit_id = unit_of(first).unit_id(generator=generator, steps=sampler.steps, guidance=sampler.guidance)
    if unit_id != first["unit_id"]:
        raise UsageError(
            f"The plan of {ctx.ds} was made for another generator, or for other steps or guidance, than "
            f"{generator} with {sampler.steps} steps and guidance {sampler.guidance}, which would "
            f"paint now: run `coverlift plan --ds {ctx.ds}` again, or correct the settings"
        )


def _paint_missing(
    ctx: Context, missing: pa.Table, backend: PaintBackend, store: UnitStore, sampler: Sampler
) -> list[Row]:
    """Through Spark tasks, or here when the model is in this process."""

    def progress(done: int) -> None:
        ctx.progress(done, missing.num_rows, "units painted")

    if ctx.settings.generation.backend != "inprocess":
        return paint_with_spark(ctx.spark, missing, backend, store, sampler, progress)
    outcomes = []
    for outcome in paint_units(missing.to_pylist(), backend, store, sampler):
        outcomes.append(outcome)
        progress(len(outcomes))
    return outcomes


def _report_failures(failed: dict[str, str], units: int) -> None:
    for unit_id, error in list(failed.items())[:5]:
        logger.warning("unit %s was not painted: %s", unit_id, error)
    if len(failed) > MAX_FAILED_SHARE * units:
        unit_id, error = next(iter(failed.items()))
        raise TryAgainError(
            f"{len(failed)} of {units} units were not painted, like {unit_id}: {error}. "
            "Look at logs/triton.log, then run `coverlift generate` again; what was painted is kept."
        )


def _candidates(ctx: Context, plan: pa.Table, outcomes: Sequence[Row]) -> pd.DataFrame:
    """One row per candidate of a painted unit, in the order of the plan."""
    painted = {row["unit_id"]: row for row in outcomes if not row["error"]}
    rows: list[dict[str, Any]] = []
    for row in plan.to_pylist():
        if row["unit_id"] not in painted:
            continue
        outcome, publishable = painted[row["unit_id"]], row["as_of"] == ctx.ds.isoformat()
        names = ("unit_id", "purpose", "as_of", "item_id", "segment_id", "method", "prompt", "reference_cover_id")
        common = {name: row[name] for name in names}
        rows += [
            {
                **common,
                "publishable": publishable and row["purpose"] in SHOWN_PURPOSES,
                "candidate": number,
                "seed": seed,
                "cover_id": cover_id,
                "generator": outcome["generator"],
            }
            for number, (seed, cover_id) in enumerate(zip(unit_of(row).seeds(), outcome["cover_ids"], strict=True))
        ]
    return pd.DataFrame(rows)


def _chosen(ctx: Context, candidates: pd.DataFrame, pictures: Any) -> pd.DataFrame:
    try:
        safety = Safety(verified_asset(OPEN_NSFW))
        limit = ctx.settings.policy.max_nsfw
        return choose(candidates, lambda rows: safety.probabilities(pictures[rows]), max_nsfw=limit)
    except (AssetError, SafetyDown) as error:
        raise TryAgainError(
            f"The safety scorer is down, so nothing of {ctx.ds} may be published: {error}. `coverlift doctor` says "
            "what is missing; then run `coverlift generate` again: what was painted is kept."
        ) from error


def _covers(ctx: Context, candidates: pd.DataFrame) -> pa.Table:
    unique = candidates.drop_duplicates(["cover_id", "item_id"])
    rows = [
        {
            "cover_id": row["cover_id"],
            "item_id": row["item_id"],
            "source": "generated",
            "is_default": False,
            "uri": ctx.images.uri(row["cover_id"]),
            "mime": MIME,
            "width": SIZE,
            "height": SIZE,
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
