"""What the written policy says of written titles: one answer for all that pass their checks."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from generation.catalogue import end_of_day
from generation.review.policy.earlier import BY, earlier_decisions
from jobs.lake.context import Context

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
    earlier, taken_down = earlier_decisions(ctx)
    by = f"{BY}{ctx.settings.policy.name}"
    rows = []
    for row in titles.to_pylist():
        past = earlier.get((row["text_hash"], row["unit_id"]), [])
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
