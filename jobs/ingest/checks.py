"""Which rows are refused, and for what: every reason that applies, as Spark expressions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from jobs.ingest import contract
from jobs.ingest.contract import Source
from jobs.ingest.readers import BAD, DAY, LINE, MALFORMED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

REASONS = "_reasons"
"""Column of a checked frame: names of reasons with commas between, empty for an accepted row."""

BROADCAST_ROWS = 2_000_000
"""Up to so many known items or covers are sent to every task instead of shuffling the log."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A source after all checks."""

    source: Source
    frame: "DataFrame"
    """One row per input row: the contract's columns, ``LINE``, ``DAY`` and ``REASONS``."""
    read: int
    """Input rows, counted apart."""
    accepted: int
    refused: int
    by_reason: dict[str, int]
    forgotten: int = 0
    """Rows of users who were taken out of the home: left out before the checks, and not among ``read``."""

    @property
    def balanced(self) -> bool:
        """The law of accounting: what was read was accepted or refused."""
        return self.accepted + self.refused == self.read


def add_reasons(frame: "DataFrame", conditions: Sequence[tuple["Column", str]]) -> "DataFrame":
    """Append the reasons whose condition is true to ``REASONS``; a null condition is not.

    Malformed rows get no others, as their values mean nothing.
    """
    from pyspark.sql import functions as F

    before = [F.when(F.col(REASONS) != "", F.col(REASONS))] if REASONS in frame.columns else []
    found = F.concat_ws(",", *before, *(F.when(condition, F.lit(reason)) for condition, reason in conditions))
    malformed = F.when(F.col(MALFORMED), F.lit(contract.MALFORMED_ROW)).otherwise(found)
    return frame.withColumn(REASONS, malformed)


def value_conditions(source: Source) -> list[tuple["Column", str]]:
    """What a row shows by itself: types and missing values."""
    from pyspark.sql import functions as F

    missing = [F.col(field.name).isNull() for field in source.fields if field.required]
    return [(F.col(BAD), contract.BAD_TYPE), (reduce(or_, missing), contract.MISSING_KEY)]


def impression_conditions() -> list[tuple["Column", str]]:
    """What an impression shows by itself beyond types: clock, position, propensity, dwell time."""
    from pyspark.sql import functions as F

    position, propensity = F.col("position"), F.col("propensity")
    never_shown = position.isNull() | (position < 1)
    return [
        (F.to_date("ts") != F.to_date(DAY), contract.CLOCK_OUTSIDE_WINDOW),
        (F.col("clicked") & never_shown, contract.CLICKED_NOT_SHOWN),
        (position < 1, contract.POSITION_OUT_OF_RANGE),
        ((propensity <= 0) | (propensity > 1), contract.PROPENSITY_OUT_OF_RANGE),
        (F.col("dwell_ms") < 0, contract.NEGATIVE_DWELL),
    ]


def mark_known(frame: "DataFrame", known: "DataFrame", keys: Sequence[str], mark: str, *, rows: int) -> "DataFrame":
    """Add a column ``mark``, true where the keys are known and null elsewhere.

    Parameters
    ----------
    frame, known
        ``known`` has distinct rows with the columns ``keys``.
    keys
        Columns compared.
    mark
        Name of the new column.
    rows
        Size of ``known``, which decides whether it is sent to every task.
    """
    from pyspark.sql import functions as F

    marked = known.select(*keys, F.lit(True).alias(mark))
    return frame.join(F.broadcast(marked) if rows <= BROADCAST_ROWS else marked, list(keys), "left")


def unknown_condition(mark: str, keys: Sequence[str], reason: str) -> tuple["Column", str]:
    """Refuse rows whose keys are given but not marked as known."""
    from pyspark.sql import functions as F

    return F.col(mark).isNull() & reduce(and_, [F.col(key).isNotNull() for key in keys]), reason


def repeated_keys(frame: "DataFrame", source: Source, earlier: "DataFrame | None" = None) -> "DataFrame | None":
    """Keys that several rows of the input share, or that ``earlier`` has too; None without any.

    Only the key columns are read, so that the usual log without repeats costs one narrow pass.

    Returns
    -------
    DataFrame or None
        One row per key, with ``_old`` 1 where ``earlier`` has it.
    """
    from pyspark.sql import functions as F

    keys = list(source.key)
    fresh = frame.select(*keys, F.lit(0).alias("_old"))
    both = fresh if earlier is None else fresh.unionByName(earlier.select(*keys, F.lit(1).alias("_old")))
    rows = both.dropna().groupBy(*keys).agg(F.count("*").alias("_n"), F.sum("_old").alias("_olds"))
    again = rows.where((F.col("_n") > 1) & (F.col("_n") > F.col("_olds")))
    again = again.select(*keys, F.least("_olds", F.lit(1)).alias("_old")).cache()
    return None if again.isEmpty() else again


def check_unique(frame: "DataFrame", source: Source, again: "DataFrame | None") -> "DataFrame":
    """Refuse all rows of a repeated key but one, and all whose key was there earlier.

    The row that stays has no other reason if there is such a row, and is else the first by its
    content, so that the outcome does not depend on the order of files.

    Parameters
    ----------
    frame
        With ``REASONS``.
    source
        Its contract.
    again
        See ``repeated_keys``.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if again is None:
        return frame
    maps = {field.name for field in source.fields if field.kind in contract.MAPS}
    content = F.xxhash64(
        *(F.to_json(name) if name in maps else F.col(name) for name in frame.columns if name != "data")
    )
    order = Window.partitionBy(*source.key).orderBy(F.col(REASONS) != "", content)
    ranked = frame.join(again, list(source.key), "left").withColumn("_rank", F.row_number().over(order))
    repeats = F.col("_old").isNotNull() & ((F.col("_rank") > 1) | (F.col("_old") == 1))
    return add_reasons(ranked, [(repeats, source.duplicate)]).drop("_rank", "_old")


def counted(frame: "DataFrame", source: Source, read: int) -> Checked:
    """Count accepted and refused rows, and reasons."""
    from pyspark.sql import functions as F

    accepted = refused = 0
    by_reason: dict[str, int] = {}
    for row in frame.groupBy(REASONS).agg(F.count("*").alias("n")).collect():
        reasons, rows = row[REASONS], row["n"]
        accepted, refused = accepted + (0 if reasons else rows), refused + (rows if reasons else 0)
        for reason in reasons.split(",") if reasons else ():
            by_reason[reason] = by_reason.get(reason, 0) + rows
    return Checked(source=source, frame=frame, read=read, accepted=accepted, refused=refused, by_reason=by_reason)


def accepted_rows(checked: Checked) -> "DataFrame":
    """The rows without a reason."""
    from pyspark.sql import functions as F

    return checked.frame.where(F.col(REASONS) == "")


def quarantine_rows(checked: Checked, ds: str) -> "DataFrame":
    """The refused rows as rows of the quarantine table; ``ds`` where the row has no day of its own."""
    from pyspark.sql import functions as F

    fields = [field.name for field in checked.source.fields if field.kind != "binary"]
    whole = F.to_json(F.struct(*fields), {"ignoreNullFields": "false"})
    return checked.frame.where(F.col(REASONS) != "").select(
        F.when(F.col(DAY) != "", F.col(DAY)).otherwise(F.lit(ds)).alias("ds"),
        F.lit(checked.source.name).alias("source"),
        F.coalesce(LINE, whole).alias("row"),
        F.split(REASONS, ",").alias("reasons"),
    )
