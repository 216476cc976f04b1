"""Stage ``review-policy``: the written policy decides what may be published without a person.

The policy is the section ``policy`` of the settings; its name is part of every decision.
Decisions are only ever added: when rules change within a night, the new answer is written
after the old one. What is not known is not approved, and ``ask`` leaves a cover undecided
for a person.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import GateError, UsageError
from generation.catalogue import end_of_day
from generation.review.policy.earlier import BY, earlier_decisions
from generation.review.policy.rules import SAFETY, CoverFacts, ItemFacts, Verdict, judged, known, ranks
from generation.review.policy.titles import title_decisions
from jobs.lake.context import Context, StageResult
from jobs.lake.schema.columns import SHOWN_PURPOSES
from jobs.lake.schema.review import COVER_DECISIONS


def run(ctx: Context) -> StageResult:
    """Answer for each selected cover of ds that the feed might show, and add what is new to cover_decisions.

    A cover that was ever taken down is left alone.

    Raises
    ------
    UsageError
        When nothing was generated for ds.
    GateError
        When no cover at all has a safety score: the scorer was down. Nothing is decided.
    """
    covers = policy_covers(ctx)
    check_safety(ctx, covers)
    earlier, taken_down = earlier_decisions(ctx)
    facts = night_facts(ctx, covers)
    rows, counts = [], {"approve": 0, "reject": 0, "ask": 0}
    for row, about in zip(covers, facts, strict=True):
        if row["cover_id"] in taken_down:
            continue
        verdict = judged(about, ctx.settings.policy)
        counts[verdict.answer] += 1
        past = earlier.get((row["cover_id"], row["unit_id"]), [])
        if not past or _differs(past[-1], verdict, ctx.settings.policy.name):
            rows.append(_decision(ctx, row, verdict, number=len(past)))
    rows += title_decisions(ctx)
    added = ctx.lake.merge(pa.Table.from_pylist(rows, schema=COVER_DECISIONS.schema), "cover_decisions") if rows else 0
    return StageResult(
        rows={"cover_decisions": added},
        metrics={
            "approved": float(counts["approve"]),
            "rejected": float(counts["reject"]),
            "asked": float(counts["ask"]),
        },
        note=f"{counts['approve']} of {sum(counts.values())} covers approved by policy {ctx.settings.policy.name}, "
        f"{counts['ask']} left to a person",
    )


def policy_covers(ctx: Context) -> list[dict[str, Any]]:
    """Rows of generated_covers that the policy answers for: selected, of ds, that the feed might show.

    Raises
    ------
    UsageError
        When nothing was generated for ds.
    """
    if ctx.ds.isoformat() not in ctx.lake.partitions("generated_covers"):
        raise UsageError(f"generated_covers has no rows for {ctx.ds}: run `coverlift generate --ds {ctx.ds}` first")
    covers = ctx.lake.read("generated_covers", ds=ctx.ds)
    publishable = pc.field("purpose").isin(SHOWN_PURPOSES) & (pc.field("as_of") == ctx.ds.isoformat())
    rows: list[dict[str, Any]] = covers.filter(publishable & pc.field("selected")).to_pylist()
    return rows


def check_safety(ctx: Context, covers: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a night whose safety scorer was down.

    Raises
    ------
    GateError
        When there are covers and none has a safety score.
    """
    if covers and all(known(dict(row["rewards"]), SAFETY) is None for row in covers):
        raise GateError(
            f"None of the {len(covers)} covers of {ctx.ds} has a safety score: the safety scorer was down, so "
            f"nothing is approved. `coverlift doctor` says what is missing; then run `coverlift generate --ds {ctx.ds} "
            "--force` (what was painted is kept) and `coverlift nightly` again."
        )


def item_facts(ctx: Context, covers: Sequence[Mapping[str, Any]]) -> dict[str, ItemFacts]:
    """Facts about the items of covers, by item_id; an item that the lake does not know is left out."""
    wanted = sorted({str(row["item_id"]) for row in covers})
    if not wanted or not ctx.lake.exists("items"):
        return {}
    columns = ["item_id", "title", "category", "tags"]
    rows = ctx.lake.read("items", columns=columns, filters=[("item_id", "in", wanted)]).to_pylist()
    return {
        row["item_id"]: ItemFacts(title=row["title"], category=row["category"], tags=tuple(row["tags"] or ()))
        for row in rows
    }


def night_facts(ctx: Context, covers: Sequence[Mapping[str, Any]]) -> list[CoverFacts]:
    """What the rules may ask about each of the night's covers (:func:`policy_covers`), in their order."""
    items, known_generators = item_facts(ctx, covers), _earlier_generators(ctx)
    places = ranks([dict(row["rewards"]) for row in covers])
    return [
        cover_facts(row, items, ranks=place, first_night=row["generator"] not in known_generators)
        for row, place in zip(covers, places, strict=True)
    ]


def _earlier_generators(ctx: Context) -> set[str]:
    """Fingerprints of generators that earlier nights have covers of."""
    past = sorted(ds for ds in ctx.lake.partitions("generated_covers") if ds < ctx.ds.isoformat())
    if not past:
        return set()
    return set(pc.unique(ctx.lake.read("generated_covers", ds=past, columns=["generator"])["generator"]).to_pylist())


def cover_facts(
    row: Mapping[str, Any],
    items: Mapping[str, ItemFacts],
    *,
    ranks: Mapping[str, float] | None = None,
    first_night: bool = False,
) -> CoverFacts:
    """What the rules may ask about a row of generated_covers; ``ranks`` and ``first_night`` as in the facts."""
    return CoverFacts(
        ranks=ranks or {},
        first_night=first_night,
        unit_id=str(row["unit_id"]),
        rewards=dict(row["rewards"]),
        segment=str(row["segment_id"]),
        method=str(row["method"]),
        item=items.get(str(row["item_id"])),
    )


def _differs(last: Mapping[str, Any], verdict: Verdict, name: str) -> bool:
    """Whether the policy's last decision about a cover was another answer, of another rule or policy."""
    said = (last["decision"], str(last["reason"]).partition(":")[0], last["by"])
    return said != (verdict.answer, verdict.rule, f"{BY}{name}")


def _decision(ctx: Context, row: Mapping[str, Any], verdict: Verdict, *, number: int) -> dict[str, object]:
    """A row of cover_decisions; a later ``number`` of the same night comes a microsecond later, and so counts."""
    name, ds = ctx.settings.policy.name, ctx.ds.isoformat()
    key = [row["cover_id"], row["unit_id"], name, ds] + ([number] if number else [])
    return {
        "ds": ds,
        "decision_id": hashlib.sha256(json.dumps(key).encode()).hexdigest(),
        "cover_id": row["cover_id"],
        "unit_id": row["unit_id"],
        "decision": verdict.answer,
        "reason": verdict.reason,
        "by": f"{BY}{name}",
        "decided_at": end_of_day(ctx.ds) + timedelta(microseconds=number),
    }
