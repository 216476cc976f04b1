"""What words groups may read tonight: the selected titles that are approved and not taken down."""

import polars as pl

from jobs.lake.context import Context
from jobs.lake.schema.titles import PUBLISHED_TITLES
from jobs.publishing.standing import standing


def publish_titles(context: Context, decisions: pl.DataFrame) -> tuple[int, int]:
    """Replace the night's published titles; where none are written, those of an earlier run are taken back.

    Parameters
    ----------
    context
        The night.
    decisions
        That count, as :func:`jobs.publishing.stage.decisions_that_count` reads them.

    Returns
    -------
    tuple
        Titles published, and selected ones withheld.
    """
    lake, night = context.lake, context.ds.isoformat()
    if context.settings.policy.titles == "off" or night not in lake.partitions("generated_titles"):
        if night in lake.partitions("published_titles"):
            lake.delete("published_titles", f"ds = '{night}'")
        return 0, 0
    columns = ["ds", "item_id", "group_id", "candidate", "text_hash", "title", "unit_id", "failed", "selected"]
    written = pl.DataFrame(pl.from_arrow(lake.read("generated_titles", ds=context.ds, columns=columns)))
    rows = choose_titles(written.filter(pl.col("failed").list.len() == 0), decisions)
    published = lake.replace(rows.to_arrow().cast(PUBLISHED_TITLES.schema), "published_titles", ds=night)
    return published, int(written["selected"].sum()) - published


def choose_titles(titles: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Rows of published_titles: those whose standing decision approves them.

    Parameters
    ----------
    titles
        Candidates that pass their checks, with ``candidate`` and ``selected``. The policy answers for the selected
        one of an item x group; another one goes out where a person picked it.
    decisions
        Of a title in its unit a person's latest counts; without one, or after a ``withdraw``, the policy's
        latest. A takedown of the text counts for ever, for every item and group.
    """
    taken_down = decisions.filter(pl.col("decision") == "takedown")["cover_id"].unique()
    return (
        titles.join(
            standing(decisions).select(pl.col("cover_id").alias("text_hash"), "unit_id", "decision", "decision_id"),
            on=["text_hash", "unit_id"],
        )
        .filter((pl.col("decision") == "approve") & ~pl.col("text_hash").is_in(taken_down.implode()))
        .sort("item_id", "group_id", "selected", "candidate")
        .unique(["item_id", "group_id"], keep="first", maintain_order=True)
        .select(PUBLISHED_TITLES.schema.names)
    )
