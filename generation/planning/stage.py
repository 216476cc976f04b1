"""Stage ``plan``: which items to paint for whom tonight, best expected gain per second first.

Four purposes share the plan:

- ``publish``: items x segments of ds, for the feed, where painting promises at least ``generation.min_gain``
  more clicks. Launching items (no impression up to ds) come first; ``generation.max_units`` is the cap.
- ``unpersonalised``: each planned item once, with a zero preference: the cover for segments
  without a profile (``new``), and the control arm of the report.
- ``evaluate``: items with most traffic before the cut, from the profiles of the cut and by the same rule,
  for the report's time split.
- ``publish`` for single users, with ``generation.level: user`` (:mod:`generation.planning.users`).
- ``beside``: launching items by the methods of ``generation.beside``, for the report; never shown.

Expected gain is in clicks a day: traffic x the segment's share of users x CTR gain of this item
(:mod:`generation.planning.gain`). Traffic is the mean of the last 7 days; of a launching item, whose
traffic nobody knows, the mean over items that have some. Beside launching items, those with most traffic are
looked at: ``LOOKED_AT`` times as many as fill the plan.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from conf.errors import NothingToDo, UsageError
from conf.settings import GenerationSettings
from generation.canvas import Size, like
from generation.catalogue import CoverVectors, items_with_default, original_covers, segment_profiles
from generation.clicked_covers import CoverShelf
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.history import history_id
from generation.personalization.methods import (
    Method,
    canvases,
    method_fingerprints,
    method_of,
    methods_of,
    needed,
)
from generation.planning.foreign_feed import demand_fitting_generator
from generation.planning.gain import ExpectedClicks, expected_clicks, reached_styles
from generation.planning.units import PaintUnit, rounded, unit_of, unit_seed
from generation.planning.users import Asked, HeavyUsers, user_pairs
from generation.rewards.personal import SegmentScorer
from generation.store import UnitStore
from generation.types import PREFERENCE_DIM, ItemContent, SegmentProfile
from jobs.lake.audiences import PREFIX
from jobs.lake.context import Context, StageResult
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import EMBED_DIM, UNPERSONALISED
from jobs.lake.schema.covers import GENERATION_PLAN
from reward_model.encoders.model import ENCODER_ID
from reward_model.scorer import PersonalScorer

TRAFFIC_DAYS = 7
LOOKED_AT = 2
DEFAULT_PICTURES_PER_SECOND = 40.0
"""Two CPU cores at two steps, until a night was measured."""


def run(ctx: Context) -> StageResult:
    """Write generation_plan of ds.

    Raises
    ------
    NothingToDo
        When there is no item and no segment to paint for.
    UsageError
        When an earlier stage has not run for ds, or the generator does not suit the feed.
    """
    plan = _tonight(ctx, UnitStore(ctx.images).add_history)
    ctx.lake.replace(plan, "generation_plan", ds=ctx.ds)
    counts = pd.Series(plan["purpose"].to_pylist()).value_counts()
    seconds = sum(plan["estimated_seconds"].to_pylist())
    metrics = {f"units_{purpose}": float(count) for purpose, count in counts.items()}
    return StageResult(
        rows={"generation_plan": plan.num_rows},
        metrics={**metrics, "estimated_seconds": seconds, "expected_gain": sum(plan["expected_gain"].to_pylist())},
        note=summary(plan),
    )


def rehearse(ctx: Context) -> StageResult:
    """What :func:`run` would plan, without writing it; raises the same errors."""
    return StageResult(note=f"would plan {summary(_tonight(ctx, history_id))}")


def _tonight(ctx: Context, keep: Callable[[NDArray[np.float32]], str]) -> pa.Table:
    settings = ctx.settings.generation
    demand_fitting_generator(settings, ctx.lake)
    generator = checkpoint_fingerprint(Path(settings.checkpoint) if settings.checkpoint else SHIPPED)
    plan = planned(ctx, method_fingerprints(settings, generator), keep)
    if not plan.num_rows:
        raise NothingToDo(f"No item can be painted for any segment on {ctx.ds}")
    return plan


def summary(plan: pa.Table) -> str:
    """One line: units, pictures and estimated cost, in all and by purpose."""
    frame = plan.select(["purpose", "segment_id", "candidates", "estimated_seconds", "expected_gain"]).to_pandas()
    parts = [f"{count} {purpose}" for purpose, count in frame["purpose"].value_counts().sort_index().items()]
    told = (
        f"{len(frame)} units ({', '.join(parts)}), {frame['candidates'].sum()} pictures, "
        f"about {frame['estimated_seconds'].sum():.0f} s, {frame['expected_gain'].sum():.1f} clicks a day expected"
    )
    alone = frame[frame["segment_id"].str.startswith(PREFIX)]
    if alone.empty:
        return told
    return (
        f"{told}; of these for {alone['segment_id'].nunique()} single users {len(alone)} units, "
        f"{alone['candidates'].sum()} pictures, about {alone['estimated_seconds'].sum():.0f} s, "
        f"{alone['expected_gain'].sum():.2f} clicks a day more than their segments' covers"
    )


def planned(
    ctx: Context, fingerprints: Mapping[str, str], keep: Callable[[NDArray[np.float32]], str] = history_id
) -> pa.Table:
    """The rows of generation_plan, one per unit, in the order of ``rank``.

    Parameters
    ----------
    ctx
        The night.
    fingerprints
        Of what will paint, by method.
    keep
        Takes a history that units are painted from, and returns its id.
    """
    settings = ctx.settings.generation
    tonight, before = _Scene.read(ctx, ctx.ds), _Scene.read(ctx, ctx.cut)
    shown = tonight.most_shown(math.ceil(LOOKED_AT * settings.max_units / max(1, len(tonight.segments))))
    candidates = pd.concat([tonight.items[tonight.items["launching"]], shown], ignore_index=True)
    publish = tonight.pairs(candidates, settings.min_gain).head(settings.max_units)
    evaluate = before.pairs(before.most_shown(settings.evaluation_items), settings.min_gain)

    method = method_of(settings.method, settings)
    alone = tonight.for_single_users(ctx, candidates, publish) if settings.level == "user" else None
    parts = [
        tonight.rows(publish, "publish", method, settings, keep),
        *([] if alone is None else [tonight.rows(alone[0], "publish", method, settings, keep, alone[1])]),
        tonight.rows(_for_everybody(publish), "unpersonalised", method, settings, keep),
        before.rows(evaluate, "evaluate", method, settings, keep),
        before.rows(_for_everybody(evaluate), "unpersonalised", method, settings, keep),
    ]
    launched = publish[publish["launching"]].assign(expected_gain=0.0)
    beside = methods_of(settings)[1:]
    parts += [tonight.rows(launched, "beside", method_of(name, settings), settings, keep) for name in beside]
    rows = _without_repeats([row for part in parts for row in part], fingerprints, settings)
    speed = pictures_per_second(ctx.lake, ctx.ds)
    for rank, row in enumerate(rows, start=1):
        row |= {"ds": ctx.ds.isoformat(), "rank": rank, "estimated_seconds": row["candidates"] / speed}
    return pa.Table.from_pylist(rows, schema=GENERATION_PLAN.schema)


def expected_of(ctx: Context, item_ids: Sequence[str]) -> ExpectedClicks:
    """What painting items is expected to gain as of ds, for every segment with a profile, by id."""
    scene = _Scene.read(ctx, ctx.ds)
    return scene.expected(scene.items.set_index("item_id").loc[list(item_ids)].reset_index())


def pictures_per_second(lake: Lake, ds: date) -> float:
    """Speed of the last night before ds that painted, else ``DEFAULT_PICTURES_PER_SECOND``."""
    if not lake.exists("runs"):
        return DEFAULT_PICTURES_PER_SECOND
    done = [("stage", "=", "generate"), ("status", "=", "done"), ("ds", "<", ds.isoformat())]
    rows = lake.read("runs", columns=["ds", "metrics"], filters=done).sort_by([("ds", "descending")]).to_pylist()
    speeds = [dict(row["metrics"]).get("pictures_per_second", 0.0) for row in rows]
    return next((speed for speed in speeds if speed > 0), DEFAULT_PICTURES_PER_SECOND)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Items and segments as the end of one day knows them."""

    as_of: date
    items: pd.DataFrame
    """item_id, title, category, tags, reference_cover_id, width, height, traffic (impressions a day), launching"""
    segments: dict[str, SegmentProfile]
    """Those with a profile: a segment whose centroid is zero is shown the unpersonalised cover."""
    shares: dict[str, float]
    """Share of all users."""
    vectors: CoverVectors
    """Of all real covers."""
    styles: NDArray[np.float32]
    """(N, 32) of the real covers that exist by then."""
    shelf: CoverShelf | None
    """These covers, where a method is shown those that stand for what was clicked."""
    scorer: SegmentScorer
    canvases: Mapping[str, tuple[Size, ...]]
    """By method."""

    @classmethod
    def read(cls, ctx: Context, as_of: date) -> "_Scene":
        for table in ("segments", "item_features"):
            if as_of.isoformat() not in ctx.lake.partitions(table):
                raise UsageError(f"{table} has no rows for {as_of}: run `coverlift features --ds {ctx.ds}` first")
        items = items_with_default(ctx.lake, as_of)
        needs = needed(ctx.settings.generation)
        told = {"history", "pictures"} & needs
        sized = segment_profiles(ctx.lake, as_of, histories=bool(told), tokens="tokens" in needs)
        users = sum(size for _, size in sized)
        vectors = CoverVectors.read(ctx.lake, ENCODER_ID)
        covers = original_covers(ctx.lake, as_of)["cover_id"].unique()
        shelf = CoverShelf.of(vectors, covers.tolist()) if "pictures" in needs else None
        segments = [segment if shelf is None else shelf.shown(segment) for segment, _ in sized if segment.known]
        return cls(
            as_of=as_of,
            items=_with_traffic(items, ctx.lake, as_of),
            segments={segment.segment_id: segment for segment in segments},
            shares={segment.segment_id: size / max(users, 1) for segment, size in sized},
            vectors=vectors,
            styles=vectors.styles[vectors.where(covers)],
            shelf=shelf,
            scorer=PersonalScorer.of_champion(ctx, as_of),
            canvases=canvases(ctx.settings.generation),
        )

    def most_shown(self, count: int) -> pd.DataFrame:
        """The items with most traffic, of those that do not launch."""
        known = self.items[~self.items["launching"]]
        return known.sort_values(["traffic", "item_id"], ascending=[False, True]).head(count)

    def pairs(self, items: pd.DataFrame, min_gain: float) -> pd.DataFrame:
        """Items x segments worth painting, with ``expected_gain``: launching items first, then by gain.

        Every unit costs the same, so the order by gain is the order by gain per second.
        """
        pairs = items.merge(pd.DataFrame({"segment_id": list(self.segments)}), how="cross")
        if pairs.empty:
            return pairs.assign(expected_gain=0.0)
        expected = self.expected(items)
        share = pairs["segment_id"].map(self.shares).astype(float)
        pairs["expected_gain"] = pairs["traffic"] * share * expected.gain.reshape(-1)
        pairs = pairs[expected.relative.reshape(-1) >= min_gain]
        order = ["launching", "expected_gain", "item_id", "segment_id"]
        return pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)

    def for_single_users(
        self, ctx: Context, items: pd.DataFrame, planned: pd.DataFrame
    ) -> tuple[pd.DataFrame, dict[str, SegmentProfile]]:
        """Items x single users worth a cover of their own, and these users by audience."""
        settings = ctx.settings.generation
        heavy = HeavyUsers.read(ctx.lake, self.as_of, settings, needs=needed(settings))
        rows = self.vectors.where(items["reference_cover_id"])
        asked = Asked(
            items=items, embeddings=self.vectors.embeddings[rows], styles=self.vectors.styles[rows], real=self.styles
        )
        pairs = user_pairs(heavy, asked, self.segments, planned, self.scorer, settings)
        shelf = self.shelf
        return pairs, {each.segment_id: each if shelf is None else shelf.shown(each) for each in heavy.profiles}

    def expected(self, items: pd.DataFrame) -> ExpectedClicks:
        """Clicks on items, before and after painting, for every segment with a profile."""
        segments = list(self.segments.values())
        rows = self.vectors.where(items["reference_cover_id"])
        return expected_clicks(
            items["item_id"].tolist(),
            self.vectors.embeddings[rows],
            self.vectors.styles[rows],
            segments,
            reached_styles(self.styles, segments),
            self.scorer,
        )

    def rows(
        self,
        pairs: pd.DataFrame,
        purpose: str,
        method: Method,
        settings: GenerationSettings,
        keep: Callable[[NDArray[np.float32]], str],
        users: Mapping[str, SegmentProfile] = MappingProxyType({}),
    ) -> Iterable[dict[str, Any]]:
        """Plan rows, without what depends on the whole plan; ``users`` are single users by audience."""
        for pair in pairs.to_dict("records"):
            item = ItemContent(
                item_id=pair["item_id"],
                title=pair["title"],
                tags=tuple(pair["tags"]),
                reference_cover_id=pair["reference_cover_id"],
            )
            segment = users.get(pair["segment_id"]) or self.segments.get(pair["segment_id"], EMPTY_PROFILE)
            conditioning = method.condition(segment, item)
            preference = rounded(conditioning.preference)
            width, height = like((pair["width"], pair["height"]), self.canvases[method.name])
            yield {
                "purpose": purpose,
                "as_of": self.as_of.isoformat(),
                "item_id": item.item_id,
                "segment_id": segment.segment_id,
                "method": method.name,
                "reference_cover_id": item.reference_cover_id,
                "candidates": settings.candidates,
                "seed": unit_seed(settings.seed, item.item_id, segment.segment_id),
                "prompt": conditioning.prompt,
                "pref_embedding": preference[:EMBED_DIM].tolist(),
                "pref_style": preference[EMBED_DIM:].tolist(),
                "expected_gain": float(pair["expected_gain"]),
                "history_id": None if conditioning.history is None else keep(conditioning.history),
                "tokens": None if conditioning.tokens is None else conditioning.tokens.tolist(),
                "clicked_covers": None if conditioning.clicked_covers is None else list(conditioning.clicked_covers),
                "width": width,
                "height": height,
            }


EMPTY_PROFILE = SegmentProfile(
    segment_id=UNPERSONALISED,
    pref_embedding=np.zeros(EMBED_DIM, np.float32),
    pref_style=np.zeros(PREFERENCE_DIM - EMBED_DIM, np.float32),
)
"""Nobody's taste in particular."""


def _with_traffic(items: pd.DataFrame, lake: Lake, as_of: date) -> pd.DataFrame:
    columns = ["item_id", "impressions_7d", "impressions_28d"]
    shown = lake.read("item_features", ds=as_of, columns=columns).to_pandas()
    merged = items.merge(shown, on="item_id", how="left").fillna({"impressions_7d": 0, "impressions_28d": 0})
    merged["launching"] = merged["impressions_28d"] == 0
    known = merged.loc[~merged["launching"], "impressions_7d"] / TRAFFIC_DAYS
    expected = float(known.mean()) if len(known) else 1.0
    merged["traffic"] = np.where(merged["launching"], expected, merged["impressions_7d"] / TRAFFIC_DAYS)
    return merged.drop(columns=["impressions_7d", "impressions_28d"])


def _for_everybody(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each item of the pairs once, in their order; a control gains nothing."""
    return pairs.drop_duplicates("item_id").assign(segment_id=UNPERSONALISED, expected_gain=0.0)


def _without_repeats(
    rows: Sequence[dict[str, Any]], fingerprints: Mapping[str, str], settings: GenerationSettings
) -> list[dict[str, Any]]:
    """Rows with their unit ids, the first of each: an item both published and evaluated has one control."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        unit: PaintUnit = unit_of(row)
        unit_id = unit.unit_id(
            generator=fingerprints[unit.method],
            steps=settings.steps,
            guidance=settings.guidance,
            stored=settings.stored,
        )
        found.setdefault(unit_id, {"unit_id": unit_id, **row})
    return list(found.values())
