"""Which evening's features an impression may see: the join of day d - 1, said once for trainings and evaluation.

A feature partition ``ds`` knows events up to the end of ``ds``. What is predicted of an impression of day d must
not know that day, so it sees the partition of d - 1, the evening before, and nothing later.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import polars as pl
import pyarrow as pa

from conf.errors import MissingTable
from jobs.lake.lake import Lake

EVENING = "feature_ds"
"""Column with the evening whose partition a row may see."""


def evening_before(day: date) -> date:
    """The evening whose features the impressions of a day may see.

    Examples
    --------
    >>> evening_before(date(2026, 3, 1))
    datetime.date(2026, 2, 28)
    """
    return day - timedelta(days=1)


def with_evening(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, which has ``ds``, with the evening before in column :data:`EVENING`.

    Examples
    --------
    >>> with_evening(pl.DataFrame({"ds": ["2026-03-01"]})).rows()
    [('2026-03-01', '2026-02-28')]
    """
    evening = pl.col("ds").str.to_date().dt.offset_by("-1d").dt.to_string("%Y-%m-%d")
    return frame.with_columns(evening.alias(EVENING))


def read_evenings(lake: Lake, table: str, evenings: Iterable[date | str], columns: Sequence[str]) -> pa.Table:
    """Rows of some evenings of a table of features, with their ``ds``.

    An evening without rows is an error and not a gap: it would make every user or item of the day look new.

    Parameters
    ----------
    lake, table
        Where to read.
    evenings
        Partitions, each wanted in full.
    columns
        Beside ``ds``.

    Raises
    ------
    MissingTable
        The table does not exist or an evening has no rows.
    """
    wanted = [str(evening) for evening in evenings]
    found = lake.read(table, ds=wanted, columns=["ds", *columns])
    missing = set(wanted) - set(found["ds"].unique().to_pylist())
    if missing:
        first = min(missing)
        raise MissingTable(f"{table} has no rows for ds={first}: run `coverlift features --ds {first}` first")
    return found


def on_evening(frame: pl.DataFrame, features: pa.Table, key: str) -> pl.DataFrame:
    """Features of the evening before, joined to impressions.

    Parameters
    ----------
    frame
        One row per impression, with :data:`EVENING` and the key.
    features
        Of :func:`read_evenings`, one row per key and ``ds``.
    key
        ``user_id`` or ``item_id``.

    Returns
    -------
    polars.DataFrame
        One row per impression in the same order: the evening, the key and the features, null where it has none.
    """
    right = pl.DataFrame(features).rename({"ds": EVENING})
    return frame.select(EVENING, key).join(right, on=[EVENING, key], how="left", maintain_order="left")
