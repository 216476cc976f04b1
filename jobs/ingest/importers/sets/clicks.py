"""What logs of clicks alone have in common: a user, an item and a time."""

from collections.abc import Sequence

import polars as pl

from jobs.ingest.importers.reading import Lines
from jobs.ingest.importers.rows import (
    EVENTS,
    SAMPLED,
    Checked,
    absent,
    judged,
    malformed,
    mistyped,
    text,
    unbelievable,
    whole,
    with_defaults,
)


def clicked_events(lines: Lines, *, user: str, item: str, micros_a_unit: int, beside: Sequence[str] = ()) -> Checked:
    """Clicks that ask for negatives; the same click twice has the same id.

    Parameters
    ----------
    lines
        Of the log, with ``timestamp`` beside the two.
    user, item
        Names of its columns.
    micros_a_unit
        Microseconds in one of ``timestamp``.
    beside
        Further columns that stay.
    """
    typed = lines.frame.rename({user: "raw_user", item: "raw_item"})
    typed = typed.with_columns(user_id=text("raw_user"), item_id=text("raw_item"), time=whole("timestamp"))
    name = pl.format("{}-{}-{}", "user_id", "item_id", "time")
    far = pl.col("time").abs() > 2**62 // micros_a_unit
    typed = typed.with_columns(
        event_id=name,
        request_id=name,
        ts=pl.when(~far).then(pl.col("time") * micros_a_unit).cast(pl.Datetime("us")),
        clicked=pl.lit(True),
        policy=pl.lit(SAMPLED),
        sample=pl.lit(True),
    )
    rules = [
        *(absent(raw) for raw in ("raw_user", "raw_item", "timestamp")),
        mistyped("timestamp", "ts"),
        unbelievable(),
    ]
    kept = [name for name in EVENTS if name in typed.columns]
    parted = judged(typed, rules, [*kept, *beside], ["raw_user", "raw_item", "timestamp"])
    good = pl.concat([with_defaults(parted.good), parted.good.select(beside)], how="horizontal")
    return Checked(good=good, bad=pl.concat([parted.bad, malformed(lines.broken)]))
