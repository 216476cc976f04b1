"""Which decision stands about a cover or a title in its unit: a person's latest, else the policy's."""

import polars as pl

from jobs.lake.schema.review import OVER_LIMIT


def standing(decisions: pl.DataFrame) -> pl.DataFrame:
    """The decision that stands about each cover or title in its unit, and whether it is a person's.

    Parameters
    ----------
    decisions
        Rows of cover_decisions. A person's latest by ``decided_at`` stands; without one, or after a ``withdraw``,
        the policy's latest. Takedowns are not among them: they count for ever, whatever stands.
    """
    told = decisions.filter(pl.col("decision") != "takedown").with_columns(
        by_person=~pl.col("by").str.starts_with("policy:"), knowingly=pl.col("reason").str.starts_with(OVER_LIMIT)
    )
    latest = (
        told.sort("decided_at", "decision_id")
        .group_by("cover_id", "unit_id", "by_person", maintain_order=True)
        .last()
        .filter(pl.col("decision") != "withdraw")
    )
    return (
        latest.sort("by_person", descending=True)
        .unique(["cover_id", "unit_id"], keep="first", maintain_order=True)
        .select(
            "cover_id",
            "unit_id",
            "decision",
            "decision_id",
            "decided_at",
            "by_person",
            knowingly=pl.col("by_person") & pl.col("knowingly").fill_null(False),
        )
    )
