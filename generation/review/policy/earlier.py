"""What was decided before: the policies' answers of a night, and takedowns of any."""

from typing import Any

from jobs.lake.context import Context

BY = "policy:"
"""Begins ``by`` in a decision of a policy; the policy's name follows."""


def earlier_decisions(ctx: Context) -> tuple[dict[tuple[str, str], list[dict[str, Any]]], set[str]]:
    """What policies decided in this night, oldest first, by cover (or text) and unit; and what was ever taken down."""
    if not ctx.lake.exists("cover_decisions"):
        return {}, set()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in ctx.lake.read("cover_decisions", ds=ctx.ds).sort_by("decided_at").to_pylist():
        if row["by"].startswith(BY):
            found.setdefault((row["cover_id"], row["unit_id"]), []).append(row)
    down = ctx.lake.read("cover_decisions", columns=["cover_id"], filters=[("decision", "=", "takedown")])
    return found, set(down["cover_id"].to_pylist())
