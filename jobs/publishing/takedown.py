"""Taking a cover or a title down: at once, for good, in every unit that has it."""

import hashlib
from datetime import date, datetime

import pyarrow as pa
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conf.errors import NothingToDo, TryAgainError, UsageError
from jobs.lake.lake import Lake
from jobs.lake.schema.review import COVER_DECISIONS

patiently = retry(
    retry=retry_if_exception_type(TryAgainError),
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(0.5, 5),
    reraise=True,
)
"""Again where another writer was faster."""


def take_down(lake: Lake, cover_id: str, *, reason: str, by: str, ds: date, now: datetime) -> int:
    """Write a takedown into the decisions, then remove the cover from what is published from ``ds`` on.

    The decision comes first: a publishing that runs at the same time reads decisions again after
    its write, so whichever is later removes the cover. It does not wait for a running night.

    Parameters
    ----------
    lake
        The tables.
    cover_id
        SHA-256 of the picture, or of a written title's text: then for every item and group.
    reason
        Why, for the record.
    by
        Who decided.
    ds
        The night from which on the cover must be gone.
    now
        When it was decided, UTC.

    Returns
    -------
    int
        Rows removed from published_covers and published_titles.

    Raises
    ------
    UsageError
        When no night painted such a cover or wrote such a title.
    NothingToDo
        When it was taken down before and is not published.
    """
    units = lake.read("generated_covers", columns=["unit_id"], filters=[("cover_id", "==", cover_id)])
    names = sorted(set(units["unit_id"].to_pylist()) | title_units(lake, cover_id))
    if not names:
        raise UsageError(
            f"No night painted cover {cover_id!r}; `coverlift inspect published_covers` lists those shown."
        )
    rows = [
        {
            "ds": ds.isoformat(),
            "decision_id": hashlib.sha256(f"takedown|{cover_id}|{unit}".encode()).hexdigest(),
            "cover_id": cover_id,
            "unit_id": unit,
            "decision": "takedown",
            "reason": reason,
            "by": by,
            "decided_at": now,
        }
        for unit in names
    ]
    written = _merge(lake, pa.Table.from_pylist(rows, schema=COVER_DECISIONS.schema))
    published = [
        (table, column)
        for table, column in (("published_covers", "cover_id"), ("published_titles", "text_hash"))
        if lake.exists(table)
        and lake.read(table, filters=[(column, "==", cover_id), ("ds", ">=", ds.isoformat())]).num_rows
    ]
    if not written and not published:
        raise NothingToDo(f"Cover {cover_id} was taken down before and is not published from {ds} on.")
    if lake.exists("cover_crops"):
        _delete(lake, "cover_crops", f"cover_id = '{cover_id}'")
    gone = f"= '{cover_id}' AND ds >= '{ds.isoformat()}'"
    return sum(_delete(lake, table, f"{column} {gone}") for table, column in published)


def title_units(lake: Lake, text_hash: str) -> set[str]:
    """Units that wrote a text; none where no titles are written."""
    if not lake.exists("generated_titles"):
        return set()
    found = lake.read("generated_titles", columns=["unit_id"], filters=[("text_hash", "==", text_hash)])
    return set(found["unit_id"].to_pylist())


@patiently
def _merge(lake: Lake, rows: pa.Table) -> int:
    return lake.merge(rows, "cover_decisions")


@patiently
def _delete(lake: Lake, table: str, where: str) -> int:
    return lake.delete(table, where)
