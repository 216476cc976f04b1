"""From events of a day to impressions of the input contract: counts spread out, negatives drawn, positions given."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from jobs.ingest import contract
from jobs.ingest.importers.data_set import ImportOptions
from jobs.ingest.importers.negatives import NONE, Pool, draw_negatives
from jobs.ingest.importers.rows import REFUSED

DAY = "day"
"""Column of an event in the spill: its day since 1970, int32."""
NUMBER = "number"
"""Column of an event in the spill: its item's row on the shelf."""

IMPRESSIONS: dict[str, pl.DataType] = {
    "impression_id": pl.String(),
    "request_id": pl.String(),
    "ts": pl.Datetime("us", "UTC"),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "cover_id": pl.String(),
    "position": pl.Int32(),
    "clicked": pl.Boolean(),
    "dwell_ms": pl.Int64(),
    "policy": pl.String(),
}
"""What is written of an impression."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Items that can be shown."""

    items: pl.DataFrame
    """``item_id``, the default ``cover_id``, and ``first_day`` since 1970, by which they are in order."""

    def pool(self, day: int, popularity: pl.DataFrame, options: ImportOptions) -> Pool:
        """What negatives of a day are drawn from.

        Parameters
        ----------
        day
            Days since 1970.
        popularity
            :data:`NUMBER` and ``clicks`` of the day.
        options
            ``sampling``: by these clicks, or uniformly from all items that were there by that day.
        """
        if options.sampling == "popularity":
            there = popularity.sort(NUMBER)
            return Pool(there[NUMBER].to_numpy().astype(np.int64), there["clicks"].to_numpy().astype(np.float64))
        count = int(self.items["first_day"].search_sorted(day, side="right"))
        return Pool(np.arange(count, dtype=np.int64))


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - date(1970, 1, 1)).days


def without_repeats(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first event of each id in order of time, and the others as refused rows."""
    events = events.sort("ts", "event_id", maintain_order=True)
    first = events["event_id"].is_first_distinct()
    shown = ["event_id", "user_id", "item_id", "ts", "clicked"]
    again = events.filter(~first).select(
        pl.struct(shown).struct.json_encode().alias("row"),
        pl.lit([contract.DUPLICATE_IMPRESSION], pl.List(pl.String)).alias("reasons"),
    )
    return events.filter(first), again.cast(REFUSED)  # type: ignore[arg-type]


def impressions_of(
    events: pl.DataFrame, shelf: Shelf, popularity: pl.DataFrame, options: ImportOptions, rng: np.random.Generator
) -> pl.DataFrame:
    """Impressions of events of one day, :data:`IMPRESSIONS`.

    Parameters
    ----------
    events
        Without repeats; with ``cover_id`` and :data:`NUMBER`.
    shelf
        What may be drawn.
    popularity
        Of the day, :data:`NUMBER` and ``clicks``.
    options
        How many negatives, and how.
    rng
        Decides negatives, positions, and which of many views are kept.
    """
    counted = pl.col("views").is_not_null()
    plain = events.filter(~counted).with_columns(impression_id="event_id")
    parts = [plain, spread_out(events.filter(counted), options.at_most, rng)]
    asking = plain.filter(pl.col("sample"))
    if options.negatives and asking.height:
        pool = shelf.pool(int(asking[DAY][0]), popularity, options)
        parts.append(sampled(asking, shelf, pool, options.negatives, rng))
    rows = pl.concat([part.select(*IMPRESSIONS) for part in parts])
    alone = plain.filter(pl.col("position").is_null()).group_by("request_id", maintain_order=True).len()
    wide = alone.filter(pl.col("len") == 1).select("request_id", places=pl.lit(1 + options.negatives))
    return positioned(rows, wide, rng).sort("ts", "request_id", "position").cast(IMPRESSIONS)  # type: ignore[arg-type]


def spread_out(events: pl.DataFrame, at_most: int, rng: np.random.Generator) -> pl.DataFrame:
    """One impression for each view that was counted, or for ``at_most`` of them drawn without replacement.

    So the click-through rate of a cover and day is right on average: the clicks among ``n`` of ``views`` follow the
    hypergeometric distribution. Each impression is a request of its own.
    """
    views, clicks = events["views"].to_numpy(), events["clicks"].to_numpy()
    kept = np.minimum(views, at_most)
    clicked = rng.hypergeometric(clicks, views - clicks, kept) if len(views) else kept
    rows = np.repeat(np.arange(len(kept)), kept)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(kept) - kept, kept)
    name = pl.format("{}-{}", "event_id", pl.Series(within, dtype=pl.Int64))
    return events[rows].with_columns(
        impression_id=name, request_id=name, clicked=pl.Series(within < clicked[rows], dtype=pl.Boolean)
    )


def sampled(events: pl.DataFrame, shelf: Shelf, pool: Pool, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Impressions that nobody saw, in the requests of clicks; their ids end in ``-n1`` and on."""
    users = events["user_id"].rank("dense").to_numpy().astype(np.int64)
    drawn = draw_negatives(events[NUMBER].to_numpy().astype(np.int64), users, pool, count, rng)
    rows, columns = np.nonzero(drawn != NONE)
    numbers = pl.Series(drawn[rows, columns])
    return events[rows].with_columns(
        impression_id=pl.format("{}-n{}", "event_id", pl.Series(columns + 1, dtype=pl.Int64)),
        item_id=shelf.items["item_id"].gather(numbers),
        cover_id=shelf.items["cover_id"].gather(numbers),
        clicked=pl.lit(False),
        dwell_ms=pl.lit(None, pl.Int64),
    )


def positioned(rows: pl.DataFrame, wide: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Positions from 1 in random order within a request, where the log has none.

    Parameters
    ----------
    rows
        Impressions.
    wide
        ``request_id`` and ``places`` of requests that have more places than rows: a row that the log has alone, with
        what was drawn beside it. All of these have as many places, whether everything asked for could be drawn, some or
        nothing, so that a place does not tell of which kind a row is.
    rng
        Decides.
    """
    taken = rows.group_by("request_id").len()
    empty = wide.join(taken, on="request_id", maintain_order="left").with_columns(
        missing=(pl.col("places") - pl.col("len").cast(pl.Int64)).clip(0)
    )
    gaps = empty.select(pl.col("request_id").repeat_by("missing").explode()).drop_nulls()
    padded = pl.concat([rows.with_columns(real=True), gaps.with_columns(real=False)], how="diagonal")
    chance = pl.Series("chance", rng.permutation(padded.height))
    drawn = pl.col("chance").rank("ordinal").over("request_id").cast(pl.Int32)
    placed = padded.with_columns(chance).with_columns(position=pl.coalesce("position", drawn))
    return placed.filter("real").drop("chance", "real")
