"""What the written policy says of written titles: one answer for all that pass their checks."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from generation.catalogue import end_of_day
from jobs.lake.context import Context

BY = "policy:"
RULE = "titles"
"""Begins the reason of the decisions."""


def title_decisions(ctx: Context) -> list[dict[str, Any]]:
    """Rows of cover_decisions that are new: ``policy.titles`` for each selected title of ds.

    A text that was ever taken down is left alone. When the setting changes within a night, the new
    answer is written after the old one.
    """
    answer, ds = ctx.settings.policy.titles, ctx.ds.isoformat()
    if answer == "off" or ds not in ctx.lake.partitions("generated_titles"):
        return []
    columns = ["text_hash", "unit_id", "selected"]
    titles = ctx.lake.read("generated_titles", ds=ctx.ds, columns=columns, filters=[("selected", "==", True)])
    earlier, taken_down = _earlier(ctx)
    rows = []
    for row in titles.to_pylist():
        past = earlier.get(row["unit_id"], [])
        by = f"{BY}{ctx.settings.policy.name}"
        if row["text_hash"] in taken_down or (past and (past[-1]["decision"], past[-1]["by"]) == (answer, by)):
            continue
        key = [row["text_hash"], row["unit_id"], ctx.settings.policy.name, ds, len(past)]
        rows.append(
            {
                "ds": ds,
                "decision_id": hashlib.sha256(json.dumps(key).encode()).hexdigest(),
                "cover_id": row["text_hash"],
                "unit_id": row["unit_id"],
                "decision": answer,
                "reason": f"{RULE}: {answer} what passes its checks",
                "by": by,
                "decided_at": end_of_day(ctx.ds) + timedelta(microseconds=len(past)),
            }
        )
    return rows


def _earlier(ctx: Context) -> tuple[dict[str, list[dict[str, Any]]], set[str]]:
    """What policies decided in this night, oldest first, by unit; and what was ever taken down."""
    if not ctx.lake.exists("cover_decisions"):
        return {}, set()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ctx.lake.read("cover_decisions", ds=ctx.ds).sort_by("decided_at").to_pylist():
        if row["by"].startswith(BY):
            found.setdefault(row["unit_id"], []).append(row)
    down = ctx.lake.read("cover_decisions", columns=["cover_id"], filters=[("decision", "=", "takedown")])
    return found, set(down["cover_id"].to_pylist())
