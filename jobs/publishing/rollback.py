"""Going back: a night shows what an earlier night had published, until that is lifted.

The word is written down first, and every publishing of that night reads it, so no rerun brings the other covers back.
What was taken down, rejected or withdrawn since then does not come back either.
"""

from datetime import date, datetime

import polars as pl
import pyarrow as pa

from conf.errors import UsageError
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from jobs.lake.schema.covers import PUBLISHED_COVERS
from jobs.lake.schema.review import ROLLBACKS
from jobs.lake.schema.titles import PUBLISHED_TITLES
from jobs.publishing.standing import standing

TABLE = "rollbacks"
KINDS = {
    "published_covers": ("cover_id", PUBLISHED_COVERS),
    "published_titles": ("text_hash", PUBLISHED_TITLES),
}
"""What is published: the column that decisions are about, and the table."""


def roll_back(lake: Lake, ds: date, to: date | None, *, reason: str, by: str, now: datetime) -> None:
    """Write down that a night shows what an earlier one had published; ``to`` None lifts that.

    Raises
    ------
    UsageError
        The earlier night published nothing, or is not earlier; or there is nothing to lift.
    """
    if to is None and standing_rollback(lake, ds) is None:
        raise UsageError(f"{ds} shows what it published itself: there is nothing to lift")
    if to is not None and to >= ds:
        raise UsageError(f"{to} is no night before {ds}")
    if to is not None and to.isoformat() not in lake.partitions("published_covers"):
        raise UsageError(f"{to} published nothing: `coverlift inspect published_covers` lists what nights have")
    row = {"ds": ds.isoformat(), "to_ds": None if to is None else to.isoformat(), "reason": reason, "by": by}
    lake.merge(pa.Table.from_pylist([{**row, "decided_at": now}], schema=ROLLBACKS.schema), TABLE)


def standing_rollback(lake: Lake, ds: date) -> date | None:
    """The night whose covers are shown in place of those of ``ds``; None where it shows its own."""
    if not lake.exists(TABLE):
        return None
    rows = lake.read(TABLE, columns=["to_ds", "decided_at"], filters=[("ds", "==", ds.isoformat())])
    latest = rows.sort_by("decided_at").to_pylist()[-1:]
    return next((date.fromisoformat(row["to_ds"]) for row in latest if row["to_ds"]), None)


def publish_again(context: Context, to: date, decisions: pl.DataFrame) -> dict[str, int]:
    """Put what a night had published in place of what ds has; returns rows by table.

    Parameters
    ----------
    context
        The night that shows them.
    to
        The earlier night.
    decisions
        That count now. Only what stands approved still is shown.
    """
    lake, counts = context.lake, {}
    taken_down = decisions.filter(pl.col("decision") == "takedown")["cover_id"].unique()
    approved = standing(decisions).filter(pl.col("decision") == "approve").select("cover_id", "unit_id")
    for table, (column, spec) in KINDS.items():
        if not lake.exists(table):
            continue
        before = pl.DataFrame(pl.from_arrow(lake.read(table, ds=to)))
        rows = (
            before.join(approved.rename({"cover_id": column}), on=[column, "unit_id"], how="semi")
            .filter(~pl.col(column).is_in(taken_down.implode()))
            .with_columns(ds=pl.lit(context.ds.isoformat()))
            .select(spec.schema.names)
        )
        counts[table] = lake.replace(rows.to_arrow().cast(spec.schema), table, ds=context.ds)
    return counts
