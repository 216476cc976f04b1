"""A night's candidates from the lake into the desk's database; loading again changes nothing but what is new."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection, delete, insert, select, update

from conf.errors import UsageError
from conf.review import ReviewSettings
from generation.review.log.answers.case_state import State, Unit, settle
from generation.review.log.database import Database
from generation.review.log.decisions import columns_of, refresh
from generation.review.log.load_titles import put_texts, title_rows
from generation.review.log.queue import words_of
from generation.review.log.schema import REWARDS, candidates, cases, nights, title_words
from generation.review.log.sealing.chain import stamp
from generation.review.log.sealing.sealed_facts import check_night, note_night
from jobs.lake.audiences import PREFIX
from jobs.lake.context import Context
from jobs.lake.schema.columns import SHOWN_PURPOSES, UNPERSONALISED, WITHOUT_PROFILE

BATCH = 1000
"""Rows in one statement."""
FIRST_LOOKUPS = ("generated_covers", "generation_plan", "items", "segments", "item_features", "generated_titles")
FORM = 5
"""Part of what a night was loaded from: another number loads every night again."""
SETTLED_BY = ("policy_decision", "policy_reason", "selected_cover_id")
"""What the state of a cover follows from, besides people's entries."""
PERCENTILES = np.linspace(0, 1, 101)


def load_night(database: Database, ctx: Context) -> int:
    """Load the covers of a night that may be published, those for users without a profile too; returns the new ones.

    A cover that is known keeps its decisions; what the policy says about it is brought up to date.

    Raises
    ------
    UsageError
        When the lake has no covers of the night.
    """
    ds = ctx.ds.isoformat()
    if ds not in ctx.lake.partitions("generated_covers"):
        raise UsageError(f"generated_covers has no rows for {ds}: run `coverlift generate --ds {ds}` first")
    version = json.dumps(
        {"form": FORM, "max_nsfw": _limit(ctx, ds)}
        | {name: ctx.lake.version(name) for name in (*FIRST_LOOKUPS, "cover_decisions")}
    )
    with database.reading() as connection:
        before = connection.execute(select(nights.c.loaded).where(nights.c.ds == ds)).scalar()
    if before == version:
        return 0
    covers = _covers(ctx)
    written = title_rows(ctx, latest_policy(ctx))
    rows = [*case_rows(covers, ctx.settings.review), *(settled(row, ctx.settings.review) for row in written.rows)]
    facts = json.dumps(_facts(ctx, covers) | written.facts)
    with database.writing(alone=True) as connection:
        put_texts(connection, written.texts)
        added = put(connection, ds, rows)
        connection.execute(delete(nights).where(nights.c.ds == ds))
        connection.execute(insert(nights), [{"ds": ds, "loaded": version, "facts": facts}])
    return added


def put(connection: Connection, ds: str, rows: Sequence[Mapping[str, Any]], now: datetime | None = None) -> int:
    """Add the units that are new and bring the policy's word about the others up to date; returns the new ones.

    What the covers are then is written down in the audit, with the time ``now`` (None: the machine's).

    Raises
    ------
    GateError
        When the covers that are there are not those that were loaded.
    """
    check_night(connection, ds)
    came = {"came_at": stamp(now or datetime.now(UTC))}
    names_known = ("id", "unit_id", "policy_decision", "policy_reason", "selected_cover_id", *REWARDS)
    columns = tuple(cases.c[name] for name in names_known)
    known = {row.unit_id: row for row in connection.execute(select(*columns).where(cases.c.ds == ds))}
    new = [row for row in rows if row["unit_id"] not in known]
    names = {column.name for column in cases.columns}
    # RETURNING makes SQLAlchemy send many rows in one statement on both databases.
    cover, picture = insert(cases).returning(cases.c.id, cases.c.unit_id), insert(candidates)
    for part in batches(new, BATCH):
        values = [{**came, **{name: value for name, value in row.items() if name in names}} for row in part]
        ids = {found.unit_id: found.id for found in connection.execute(cover, values)}
        pictures = [{**each, "case_id": ids[row["unit_id"]]} for row in part for each in row["candidates"]]
        connection.execute(picture.returning(candidates.c.case_id), pictures).all()
    _put_words(connection, new)
    _put_scores(connection, [row for row in rows if row["unit_id"] in known], known)
    _put_policy(connection, ds, [row for row in rows if row["unit_id"] in known], known)
    note_night(connection, ds, now or datetime.now(UTC))
    return len(new)


def _put_words(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    titles = {row["item_id"]: row["title"] for row in rows}
    for part in batches(sorted(titles), BATCH):
        there = select(title_words.c.item_id).where(title_words.c.item_id.in_(part)).distinct()
        known = set(connection.execute(there).scalars())
        words = [
            {"word": word, "item_id": item} for item in part if item not in known for word in words_of(titles[item])
        ]
        if words:
            connection.execute(insert(title_words).returning(title_words.c.word), words).all()


def _put_scores(connection: Connection, rows: Sequence[Mapping[str, Any]], known: Mapping[str, Any]) -> None:
    """Bring scores, the chosen candidate and candidates that came since up to date; what was decided stays."""
    for part in batches(rows, BATCH):
        ids = [known[row["unit_id"]].id for row in part]
        there: dict[int, dict[str, Any]] = {number: {} for number in ids}
        columns = (candidates.c.case_id, candidates.c.number, candidates.c.cover_id, candidates.c.seed,
                   candidates.c.rewards)  # fmt: skip
        for found in connection.execute(select(*columns).where(candidates.c.case_id.in_(ids))):
            there[found.case_id][found.number] = found._asdict()
        for row in part:
            old = known[row["unit_id"]]
            now = [{**each, "case_id": old.id} for each in row["candidates"]]
            if {each["number"]: each for each in now} != there[old.id]:
                connection.execute(delete(candidates).where(candidates.c.case_id == old.id))
                connection.execute(insert(candidates), now)
            figures = ("selected_cover_id", *REWARDS)
            if any(row[name] != getattr(old, name) for name in figures):
                values = {name: row[name] for name in figures}
                connection.execute(update(cases).where(cases.c.id == old.id).values(values))


def _put_policy(connection: Connection, ds: str, rows: Sequence[Mapping[str, Any]], known: Mapping[str, Any]) -> None:
    changed = [row for row in rows if any(row[name] != getattr(known[row["unit_id"]], name) for name in SETTLED_BY)]
    for row in changed:
        values = {name: row[name] for name in ("policy_decision", "policy_reason", "sampled")}
        connection.execute(update(cases).where(cases.c.id == known[row["unit_id"]].id).values(values))
    for part in batches([row["unit_id"] for row in changed], BATCH):
        found = connection.execute(select(cases).where(cases.c.ds == ds, cases.c.unit_id.in_(part))).all()
        refresh(connection, found, {})


def case_rows(covers: pl.DataFrame, settings: ReviewSettings) -> Iterator[dict[str, Any]]:
    """Rows of ``cases``, each with its ``candidates``, from :func:`_covers`."""
    for _, unit in covers.group_by("unit_id", maintain_order=True):
        rows = unit.to_dicts()
        chosen = next((row for row in rows if row["selected"]), rows[0])
        figures = known_rewards(chosen["rewards"])
        texts = ("ds", "unit_id", "item_id", "title", "category", "segment_id", "method", "prompt", "generator")
        row = {
            **{name: str(chosen[name] or "").replace("\x00", "") for name in texts},
            "words": ", ".join(chosen["tags"] or ()).replace("\x00", ""),
            "reference_cover_id": chosen["reference_cover_id"],
            "selected_cover_id": chosen["cover_id"],
            "stake": float(chosen["stake"]),
            **{name: figures.get(name) for name in REWARDS if name != "score"},
            "score": chosen["score"],
            "policy_decision": chosen["policy_decision"],
            "policy_reason": chosen["policy_reason"],
        }
        row["candidates"] = [
            {
                "number": each["candidate"],
                "cover_id": each["cover_id"],
                "seed": str(each["seed"]),
                "rewards": json.dumps({**known_rewards(each["rewards"]), "score": each["score"]}),
            }
            for each in rows
        ]
        yield settled(row, settings)


def settled(row: dict[str, Any], settings: ReviewSettings) -> dict[str, Any]:
    """A row of ``cases`` with where it waits before anybody looked, and who must."""
    policy, unit = row["policy_decision"], row["unit_id"]
    sampled = policy == "approve" and share_of(unit, "sample") < settings.sample_share
    doubled = share_of(unit, "double") < settings.double_share
    state: State = settle(Unit(selected=row["selected_cover_id"], policy=policy, sampled=sampled, doubled=doubled), [])
    row |= {"sampled": int(sampled), "doubled": int(doubled), "last_entry": 0}
    return row | columns_of(state, row)


def known_rewards(rewards: Iterable[tuple[str, float]] | Mapping[str, float] | None) -> dict[str, float]:
    """Rewards by name without those that are unknown."""
    pairs = dict(rewards or {}).items()
    return {name: float(value) for name, value in pairs if value is not None and math.isfinite(value)}


def share_of(unit_id: str, purpose: str) -> float:
    """A number from 0 to 1 that is fixed for a unit, so that a share is the same whenever it is drawn.

    Examples
    --------
    >>> share_of("u1", "sample") == share_of("u1", "sample") != share_of("u1", "double")
    True
    """
    return int(hashlib.sha256(f"{purpose}|{unit_id}".encode()).hexdigest()[:8], 16) / 2**32


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The rows in lists of at most ``size``."""
    walking = iter(rows)
    while part := list(islice(walking, size)):
        yield part


def _covers(ctx: Context) -> pl.DataFrame:
    """Candidates of the night's publishable units with item, plan, policy and stake; one row per candidate."""
    ds, lake = ctx.ds.isoformat(), ctx.lake
    found = lake.read("generated_covers", ds=ds).to_pylist()
    rows = [row for row in found if row["purpose"] in SHOWN_PURPOSES and str(row["as_of"]) == ds]
    for row in rows:
        row["segment_id"] = WITHOUT_PROFILE if row["segment_id"] == UNPERSONALISED else row["segment_id"]
    frame = pl.DataFrame([{**row, "rewards": None} for row in rows], infer_schema_length=None).with_columns(
        rewards=pl.Series([dict(row["rewards"]) for row in rows], dtype=pl.Object)
    )
    items = _frame(lake.read("items", columns=["item_id", "title", "category", "tags"]))
    plan = _frame(lake.read("generation_plan", ds=ds, columns=["unit_id", "prompt", "reference_cover_id"]))
    order = pl.Series([dict(row["rewards"]) for row in rows], dtype=pl.Object)
    joined = (
        frame.drop("rewards")
        .with_row_index("place")
        .join(items, on="item_id", how="left")
        .join(plan.unique("unit_id"), on="unit_id", how="left")
        .join(latest_policy(ctx), on=["unit_id", "cover_id"], how="left")
        .join(_stakes(ctx, frame["segment_id"]), on=["item_id", "segment_id"], how="left")
        .sort("unit_id", "candidate")
        .with_columns(pl.col("stake").fill_null(0.0), pl.col("reference_cover_id").fill_null(""))
    )
    return joined.with_columns(rewards=pl.Series([order[place] for place in joined["place"]], dtype=pl.Object))


def latest_policy(ctx: Context) -> pl.DataFrame:
    """The policy's latest word about a cover or a title of a unit."""
    names = ["unit_id", "cover_id", "decision", "reason", "by", "decided_at", "decision_id", "ds"]
    if not ctx.lake.exists("cover_decisions"):
        blank = ("unit_id", "cover_id", "policy_decision", "policy_reason")
        return pl.DataFrame(schema=dict.fromkeys(blank, pl.String))
    frame = _frame(ctx.lake.read("cover_decisions", columns=names))
    return (
        frame.filter(pl.col("by").str.starts_with("policy:") & (pl.col("ds") <= ctx.ds.isoformat()))
        .sort("decided_at", "decision_id")
        .group_by("unit_id", "cover_id", maintain_order=True)
        .last()
        .select("unit_id", "cover_id", policy_decision="decision", policy_reason="reason")
    )


def _stakes(ctx: Context, audiences: pl.Series) -> pl.DataFrame:
    """Impressions a day that an item has from a segment or a single user, if next week is like the last.

    An item that nobody saw yet counts as the median item: it launches, and its traffic is unknown.
    """
    ds = ctx.ds.isoformat()
    segments = _frame(ctx.lake.read("segments", ds=ds, columns=["segment_id", "size"]))
    total = max(int(segments["size"].sum()), 1)
    single = audiences.filter(audiences.str.starts_with(PREFIX)).unique().sort().to_frame("segment_id")
    sized = pl.concat([segments, single.with_columns(size=pl.lit(1, segments["size"].dtype))])
    shares = sized.select("segment_id", share=pl.col("size") / total)
    seen = _frame(ctx.lake.read("item_features", ds=ds, columns=["item_id", "impressions_7d"]))
    known = seen.filter(pl.col("impressions_7d") > 0)["impressions_7d"].median() or 0.0
    daily = pl.when(pl.col("impressions_7d") > 0).then(pl.col("impressions_7d")).otherwise(pl.lit(known)) / 7
    return (
        seen.select("item_id", daily=daily)
        .join(shares, how="cross")
        .select("item_id", "segment_id", stake=(pl.col("daily") * pl.col("share")).cast(pl.Float64).round(3))
    )


def _frame(table: Any) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(table))


def _facts(ctx: Context, covers: pl.DataFrame) -> dict[str, Any]:
    """What the pages say about a night: who the segments are, how rewards are distributed, what ran."""
    ds = ctx.ds.isoformat()
    figures: dict[str, list[float]] = {name: [] for name in REWARDS}
    for row in covers.select("rewards", "score").iter_rows():
        for name, value in {**known_rewards(row[0]), "score": row[1]}.items():
            figures.setdefault(name, []).append(value)
    columns = ["segment_id", "size", "exemplar_covers", "top_categories"]
    rules = covers["policy_reason"].drop_nulls().str.split(":").list.first().unique().sort().to_list()
    return {
        "segments": {row["segment_id"]: row for row in ctx.lake.read("segments", ds=ds, columns=columns).to_pylist()},
        "scales": {
            name: [round(float(value), 6) for value in np.quantile(values, PERCENTILES)]
            for name, values in figures.items()
            if values
        },
        "runs": _runs(ctx, ds),
        "max_nsfw": _limit(ctx, ds),
        "policy": _policy_ran(ctx, ds) or ctx.settings.policy.model_dump(mode="json"),
        "segment_id": covers["segment_id"].unique().sort().to_list(),
        "category": covers["category"].drop_nulls().unique().sort().to_list(),
        "method": covers["method"].unique().sort().to_list(),
        "rules": rules,
    }


def _runs(ctx: Context, ds: str) -> dict[str, str]:
    if not ctx.lake.exists("runs"):
        return {}
    rows = ctx.lake.read("runs", ds=ds, columns=["stage", "code_version"]).to_pylist()
    return {row["stage"]: row["code_version"] for row in rows if row["stage"] in ("plan", "generate", "review-policy")}


def _limit(ctx: Context, ds: str) -> float:
    """``policy.max_nsfw`` that the night's policy ran with, else that of the settings."""
    limit = _policy_ran(ctx, ds).get("max_nsfw")
    return ctx.settings.policy.max_nsfw if limit is None else float(limit)


def _policy_ran(ctx: Context, ds: str) -> dict[str, Any]:
    """The settings ``policy`` of the night's run, as they were written down; empty without one."""
    if not ctx.lake.exists("runs"):
        return {}
    rows = ctx.lake.read("runs", ds=ds, columns=["stage", "config"]).to_pylist()
    config = next((row["config"] for row in rows if row["stage"] == "review-policy"), None)
    return dict(json.loads(config or "{}").get("policy", {}))


def facts_of(connection: Connection, ds: str) -> dict[str, Any]:
    """What :func:`load_night` kept about a night; empty when it was not loaded."""
    text = connection.execute(select(nights.c.facts).where(nights.c.ds == ds)).scalar()
    return dict(json.loads(text)) if text else {}


def known_nights(connection: Connection) -> list[str]:
    """Nights that were loaded, newest first."""
    return list(connection.execute(select(nights.c.ds).order_by(nights.c.ds.desc())).scalars())
