"""Stage ``review``: the written policy decides what may be published without a person.

The policy is the section ``policy`` of the settings; its name is part of every decision, so
change the name whenever the rules change. Decisions are only ever added. What is not known
is not approved.
"""

import hashlib
import json
import math
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from conf.settings import PolicySettings
from generation.catalogue import end_of_day
from jobs.lake.context import Context, StageResult
from jobs.lake.errors import UsageError
from jobs.lake.tables import COVER_DECISIONS


def run(ctx: Context) -> StageResult:
    """Decide each selected cover of ds that the feed might show, and add the decisions to cover_decisions.

    A cover that was ever taken down is left alone.

    Raises
    ------
    UsageError
        When nothing was generated for ds.
    """
    if ctx.ds.isoformat() not in ctx.lake.partitions("generated_covers"):
        raise UsageError(f"generated_covers has no rows for {ctx.ds}: run `coverlift generate --ds {ctx.ds}` first")
    covers = ctx.lake.read("generated_covers", ds=ctx.ds)
    publishable = pc.field("purpose").isin(["publish", "unpersonalised"]) & (pc.field("as_of") == ctx.ds.isoformat())
    taken_down = _taken_down(ctx)
    rows = [
        _decision(ctx, row)
        for row in covers.filter(publishable & pc.field("selected")).to_pylist()
        if row["cover_id"] not in taken_down
    ]
    table = pa.Table.from_pylist(rows, schema=COVER_DECISIONS.schema)
    added = ctx.lake.merge(table, "cover_decisions")
    approved = sum(row["decision"] == "approve" for row in rows)
    return StageResult(
        rows={"cover_decisions": added},
        metrics={"approved": float(approved), "rejected": float(len(rows) - approved)},
        note=f"{approved} of {len(rows)} covers approved by policy {ctx.settings.policy.name}",
    )


def judged(rewards: Mapping[str, float], policy: PolicySettings) -> tuple[bool, str]:
    """Whether a cover may be published, and the reason, which names the rule.

    Parameters
    ----------
    rewards
        By name; a missing or NaN one is unknown.
    policy
        The limits.

    Examples
    --------
    >>> judged({"nsfw": 0.01, "relevance": 0.8}, PolicySettings())[0]
    True
    >>> judged({"relevance": 0.8}, PolicySettings())
    (False, 'nsfw-unknown: no safety score')
    """
    nsfw, relevance = rewards.get("nsfw", math.nan), rewards.get("relevance", math.nan)
    if math.isnan(nsfw):
        return False, "nsfw-unknown: no safety score"
    if nsfw > policy.max_nsfw:
        return False, f"nsfw-over-limit: {nsfw:.3f} > {policy.max_nsfw:g}"
    if math.isnan(relevance):
        return False, "relevance-unknown: no relevance score"
    if relevance < policy.min_relevance:
        return False, f"relevance-under-limit: {relevance:.3f} < {policy.min_relevance:g}"
    return (
        True,
        f"within-limits: nsfw {nsfw:.3f} <= {policy.max_nsfw:g}, relevance {relevance:.3f} >= {policy.min_relevance:g}",
    )


def _decision(ctx: Context, row: Mapping[str, object]) -> dict[str, object]:
    approved, reason = judged(dict(row["rewards"]), ctx.settings.policy)  # type: ignore[call-overload]
    name, ds = ctx.settings.policy.name, ctx.ds.isoformat()
    key = json.dumps([row["cover_id"], row["unit_id"], name, ds])
    return {
        "ds": ds,
        "decision_id": hashlib.sha256(key.encode()).hexdigest(),
        "cover_id": row["cover_id"],
        "unit_id": row["unit_id"],
        "decision": "approve" if approved else "reject",
        "reason": reason,
        "by": f"policy:{name}",
        "decided_at": end_of_day(ctx.ds),
    }


def _taken_down(ctx: Context) -> set[str]:
    if not ctx.lake.exists("cover_decisions"):
        return set()
    found = ctx.lake.read("cover_decisions", columns=["cover_id"], filters=[("decision", "=", "takedown")])
    return set(found["cover_id"].to_pylist())
