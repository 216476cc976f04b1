"""Rows of a data set on their way into the contract's form: what they hold, and the reasons why one is refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl

from jobs.ingest import contract

NO_COVER = "no_cover"
PADDING = "padding"
CLOCK_UNBELIEVABLE = "clock_unbelievable"
CLICKS_ABOVE_VIEWS = "clicks_above_views"
RATING_OUT_OF_RANGE = "rating_out_of_range"

REASONS: dict[str, str] = contract.REASONS | {
    NO_COVER: "the item has no picture in the folder, so nobody can have seen it there",
    PADDING: "the id 0 fills sequences up and is no item",
    CLOCK_UNBELIEVABLE: "the time is before 1990 or after 2100: another unit, or damaged",
    CLICKS_ABOVE_VIEWS: "more clicks than views, or fewer than none",
    RATING_OUT_OF_RANGE: "a rating is between 0.5 and 5",
}
"""Reason -> what it means: the contract's, and those of importers."""

SAMPLED = "sampled-negatives"
"""Policy of requests in which only the first row was logged; the others were drawn and nobody saw them."""
AGGREGATED = "aggregated"
"""Policy of impressions that were made out of counts."""

ITEMS: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "title": pl.String(),
    "category": pl.String(),
    "tags": pl.List(pl.String()),
}
"""Columns of an item, without ``created_at``, which the log tells."""

EVENTS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "request_id": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "picture": pl.String(),
    "ts": pl.Datetime("us"),
    "position": pl.Int32(),
    "clicked": pl.Boolean(),
    "dwell_ms": pl.Int64(),
    "policy": pl.String(),
    "sample": pl.Boolean(),
    "views": pl.Int64(),
    "clicks": pl.Int64(),
}
"""Columns of an event, one row of the log: ``picture`` null is the item's default cover, ``position`` null a random
one, ``sample`` asks for negatives, and ``views`` and ``clicks`` are counts where the log has no single impressions."""

EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)  # UTC, as polars keeps it
HELD = 100_000
"""Rows that may wait to be merged."""
WHOLE = 1e-9
"""How far from a whole number a number may be."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Rows of a batch."""

    good: pl.DataFrame
    """Of the columns asked for."""
    bad: pl.DataFrame
    """``row``, the row as JSON, and ``reasons``; see :data:`REFUSED`."""

    @property
    def read(self) -> int:
        """Rows of both kinds."""
        return self.good.height + self.bad.height


REFUSED: dict[str, pl.DataType] = {"row": pl.String(), "reasons": pl.List(pl.String())}
"""Columns of what is refused."""


@dataclass
class Tally:
    """Rows of a source, so far."""

    read: int = 0
    accepted: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Refused rows by each of their reasons; a row may have several."""
    quarantined: int = 0
    written: int = 0
    """Impressions that were made of accepted rows."""

    def count(self, accepted: int, bad: pl.DataFrame) -> None:
        """Add a batch."""
        self.read += accepted + bad.height
        self.accepted += accepted
        self._refuse(bad)

    def add(self, other: "Tally") -> None:
        """Add another part of the source."""
        self.read += other.read
        self.accepted += other.accepted
        self.quarantined += other.quarantined
        self.written += other.written
        for reason, rows in other.reasons.items():
            self.refuse(rows, reason)

    def then(self, later: "Tally") -> "Tally":
        """The rows of this step, after a later step looked at those that it accepted."""
        both = Tally(self.read, later.accepted, dict(self.reasons), self.quarantined + later.quarantined, later.written)
        for reason, rows in later.reasons.items():
            both.refuse(rows, reason)
        return both

    def refuse(self, rows: int, reason: str) -> None:
        """Note a reason of some rows."""
        if rows:
            self.reasons[reason] = self.reasons.get(reason, 0) + rows

    def _refuse(self, bad: pl.DataFrame) -> None:
        self.quarantined += bad.height
        for reason, rows in bad["reasons"].explode().drop_nulls().value_counts().iter_rows():
            self.refuse(rows, reason)


class Merged:
    """Few rows out of many batches, such as one an item: merged whenever as many have come as were left before.

    Parameters
    ----------
    schema
        Of the rows.
    merge
        Makes the few out of the many; may be done again with what it made.
    """

    def __init__(self, schema: Mapping[str, pl.DataType], merge: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self.held, self.merge = [pl.DataFrame(schema=schema)], merge

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows in."""
        self.held.append(rows)
        if sum(part.height for part in self.held[1:]) > max(self.held[0].height, HELD):
            self.held = [self.merge(pl.concat(self.held))]

    def rows(self) -> pl.DataFrame:
        """All of them, merged."""
        return self.merge(pl.concat(self.held))


def judged(
    frame: pl.DataFrame, rules: Sequence[tuple[str, pl.Expr]], good: Sequence[str], raw: Sequence[str]
) -> Checked:
    """Part a batch by rules.

    Parameters
    ----------
    frame
        Typed columns beside the raw ones.
    rules
        Reason, and when a row has it; null is no.
    good
        Columns of rows without a reason.
    raw
        Columns that are kept of a refused row.
    """
    found = [pl.when(rule.fill_null(False)).then(pl.lit(reason)) for reason, rule in rules]
    frame = frame.with_columns(
        pl.concat_list(found).list.drop_nulls().list.unique(maintain_order=True).alias("reasons")
    )
    refused = pl.col("reasons").list.len() > 0
    bad = frame.filter(refused).select(pl.struct(raw).struct.json_encode().alias("row"), "reasons")
    return Checked(good=frame.filter(~refused).select(good), bad=bad.cast(REFUSED))  # type: ignore[arg-type]


def malformed(lines: Sequence[str]) -> pl.DataFrame:
    """Lines that could not be parsed, as refused rows."""
    rows = [{"row": line, "reasons": [contract.MALFORMED_ROW]} for line in lines]
    frame = pl.DataFrame(rows, schema=REFUSED)
    return frame.with_columns(pl.struct(line="row").struct.json_encode().alias("row")) if rows else frame


def whole(column: str) -> pl.Expr:
    """A column of text or numbers as a whole number, null where it is none.

    Examples
    --------
    >>> pl.DataFrame({"a": ["7", "7.0", "7.5", "x", ""]}).select(whole("a"))["a"].to_list()
    [7, 7, None, None, None]
    """
    number = pl.col(column).cast(pl.Float64, strict=False)
    is_whole = number.is_finite() & ((number - number.round()).abs() < WHOLE) & (number.abs() < 2**53)
    return pl.when(is_whole).then(number.round()).cast(pl.Int64).alias(column)


def text(column: str) -> pl.Expr:
    """A column as text without space around it, null where it is empty."""
    trimmed = pl.col(column).cast(pl.String, strict=False).str.strip_chars()
    return pl.when(trimmed != "").then(trimmed).alias(column)


def absent(raw: str) -> tuple[str, pl.Expr]:
    """Rule: a value that is needed is not there."""
    return contract.MISSING_KEY, text(raw).is_null()


def mistyped(raw: str, typed: str) -> tuple[str, pl.Expr]:
    """Rule: a value is there, and is not of its type."""
    return contract.BAD_TYPE, text(raw).is_not_null() & pl.col(typed).is_null()


def unbelievable(ts: str = "ts") -> tuple[str, pl.Expr]:
    """Rule: a time that no log has."""
    return CLOCK_UNBELIEVABLE, (pl.col(ts) < pl.lit(EARLIEST)) | (pl.col(ts) >= pl.lit(LATEST))


def with_defaults(frame: pl.DataFrame) -> pl.DataFrame:
    """Events with the columns of :data:`EVENTS` that a data set has not, as null, and all in order."""
    missing = [pl.lit(None, kind).alias(name) for name, kind in EVENTS.items() if name not in frame.columns]
    return frame.with_columns(missing).select(*EVENTS).cast(EVENTS)  # type: ignore[arg-type]


def noon(day: date) -> datetime:
    """Time of impressions of which the day alone is known, or not even that."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC).replace(tzinfo=None)
