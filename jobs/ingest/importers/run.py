"""An import: items, pictures, the log sorted into days, the days; a killed one goes on from the last finished step."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from conf.errors import ContractError
from jobs.ingest import contract
from jobs.ingest.importers.data_set import DataSet, ImportOptions
from jobs.ingest.importers.days import DAY, NUMBER, Shelf, impressions_of, without_repeats
from jobs.ingest.importers.output import Staging, stamps, write_table
from jobs.ingest.importers.pictures import COVERS, chosen_covers, link_covers
from jobs.ingest.importers.rows import ITEMS, NO_COVER, REASONS, Checked, Merged, Tally, judged
from jobs.ingest.importers.spill import Buckets, batches_of, parts_of, path_of, rows_of

VERSION = 1
"""Of what is written: another one begins anew."""
BUCKETS = 64
"""Files that the log is sorted into, by day."""
PART = 200_000
"""Impressions that are made at a time, about."""
TOP_REASONS = 3
"""Reasons that an error names."""
TOLD_EVERY = 500_000
"""Rows of the log between two lines of progress."""
FIRST: dict[str, pl.DataType] = {"item_id": pl.String(), "first_day": pl.Int32()}
CLICKS: dict[str, pl.DataType] = {DAY: pl.Int32(), "item_id": pl.String(), "clicks": pl.Int64()}
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an import wrote, or would write."""

    items: Tally
    covers: Tally
    log: Tally
    """``written`` counts impressions."""
    days: list[str]
    rows: dict[str, int]
    """Rows in the files, by source; estimated of impressions that were not written."""

    def lines(self) -> Iterator[str]:
        """The balance of each source, with all reasons."""
        for name, tally in (("items", self.items), ("covers", self.covers), ("log", self.log)):
            yield f"{name}: {tally.read:,} rows read = {tally.accepted:,} accepted + {tally.quarantined:,} quarantined"
            for reason, rows in sorted(tally.reasons.items(), key=lambda pair: (-pair[1], pair[0])):
                yield f"  {reason} {rows:,}: {REASONS[reason]}"


def run_import(name: str, data: DataSet, options: ImportOptions, out: Path, say: Say) -> Outcome:
    """Write a data set as an input folder.

    Parameters
    ----------
    name
        Of the data set.
    data
        It.
    options
        Of the import.
    out
        The input folder. An earlier import's is replaced when the new one is whole.
    say
        Told what is done, a line at a time.

    Raises
    ------
    UsageError
        ``out`` holds what no import wrote.
    ContractError
        A file is damaged, or nothing in the log can be used.
    """
    recipe = {"name": name, "version": VERSION, "options": _told(options), "files": stamps(data.files())}
    staging = Staging(out, recipe)
    if staging.resumed:
        say(f"going on with the import that was begun in {staging.root}")
    items = staging.once("items", lambda tally: read_items(data, staging, tally, say))
    covers = staging.once("covers", lambda tally: read_covers(data, options, staging, tally, say))
    log = staging.once("log", lambda tally: read_log(data, staging, tally, say))
    demand_rows(log, staging)
    days = write_days(data, options, staging, say)
    demand_impressions(days, staging)
    log = log.then(days)
    rows = {"impressions": days.written} | write_catalogue(staging)
    demand_balance(staging, items, covers, log)
    shown = sorted(path.name.removeprefix("ds=") for path in (staging.feed / "impressions").iterdir())
    outcome = Outcome(items=items, covers=covers, log=log, days=shown, rows=rows)
    tallies = {"items": asdict(items), "covers": asdict(covers), "log": asdict(log)}
    staging.finish({"name": name, "version": VERSION, "about": asdict(data.about), "options": _told(options)} | tallies)
    return outcome


def _told(options: ImportOptions) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path | date) else value for key, value in asdict(options).items()}


def read_items(data: DataSet, staging: Staging, tally: Tally, say: Say) -> None:
    """Keep each item once, in ``work/items``."""
    quarantine = staging.quarantine("items", "items")
    seen = pl.Series("item_id", [], pl.String)
    for number, batch in enumerate(data.items()):
        known = batch.good["item_id"].is_in(seen.implode()) | ~batch.good["item_id"].is_first_distinct()
        again = batch.good.filter(known).select(
            pl.struct(*ITEMS).struct.json_encode().alias("row"),
            pl.lit([contract.DUPLICATE_ITEM], pl.List(pl.String)).alias("reasons"),
        )
        fresh = batch.good.filter(~known)
        write_table(fresh.select(*ITEMS), staging.work / "items" / f"{number:05}.parquet")
        seen = pl.concat([seen, fresh["item_id"]])
        bad = pl.concat([batch.bad, again])
        tally.count(fresh.height, bad)
        quarantine.add(bad)
    quarantine.close()
    say(f"items: {tally.read:,} read, {tally.quarantined:,} quarantined")


def read_covers(data: DataSet, options: ImportOptions, staging: Staging, tally: Tally, say: Say) -> None:
    """Link the pictures of the items, and keep what they are in ``work/covers.parquet``."""
    quarantine = staging.quarantine("covers", "covers")
    wanted = data.pictures(_item_ids(staging))
    files = staging.feed / "covers" / "files"
    chunks, done = [], 0
    for chunk in link_covers(wanted, data.store, files, staging.work / "chunks", copy=options.copy):
        chunks.append(chunk)
        done += chunk.height
        say(f"covers: {done:,} of {wanted.height:,} pictures")
    good, bad = chosen_covers(pl.concat(chunks) if chunks else pl.DataFrame(schema=COVERS))
    write_table(good, staging.work / "covers.parquet")
    tally.count(int(good["first"].sum()), bad)
    quarantine.add(bad)
    quarantine.close()


def _item_ids(staging: Staging) -> pl.DataFrame:
    parts = sorted((staging.work / "items").glob("*.parquet"))
    return (
        pl.concat([pl.read_parquet(part, columns=["item_id"]) for part in parts])
        if parts
        else pl.DataFrame(schema={"item_id": pl.String})
    )


def with_covers(batch: Checked, items: pl.Series, covers: pl.DataFrame) -> Checked:
    """Events with the ``cover_id`` that was shown; those without are refused.

    Parameters
    ----------
    batch
        Events.
    items
        Ids of all items.
    covers
        ``item_id``, ``picture``, ``cover_id`` and ``is_default``.
    """
    events = batch.good
    default = covers.filter("is_default").select("item_id", "cover_id")
    if events["picture"].null_count() < events.height:
        shown = covers.select("item_id", "picture", "cover_id").unique(["item_id", "picture"])
        found = events.join(shown, on=["item_id", "picture"], how="left", maintain_order="left")
    else:
        found = events.join(default, on="item_id", how="left", maintain_order="left")
    known = pl.col("item_id").is_in(items.implode())
    rules = [(contract.UNKNOWN_ITEM, ~known), (NO_COVER, known & pl.col("cover_id").is_null())]
    parted = judged(found, rules, [*events.columns, "cover_id"], ["event_id", "user_id", "item_id", "picture", "ts"])
    return Checked(good=parted.good, bad=pl.concat([batch.bad, parted.bad]))


def read_log(data: DataSet, staging: Staging, tally: Tally, say: Say) -> None:
    """Sort the log into days, and keep the first day of every item."""
    quarantine = staging.quarantine("impressions", "log")
    items, covers = _item_ids(staging)["item_id"], pl.read_parquet(staging.work / "covers.parquet")
    buckets = Buckets(staging.work / "log", BUCKETS, pl.col(DAY))
    first = Merged(FIRST, lambda rows: rows.group_by("item_id").agg(pl.col("first_day").min()))
    told = TOLD_EVERY
    for batch in data.events():
        checked = with_covers(batch, items, covers)
        tally.count(checked.good.height, checked.bad)
        quarantine.add(checked.bad)
        events = checked.good.with_columns(pl.col("ts").dt.epoch("d").cast(pl.Int32).alias(DAY))
        buckets.add(events)
        first.add(events.group_by("item_id").agg(pl.col(DAY).min().alias("first_day")))
        if tally.read >= told:
            say(f"log: {tally.read:,} rows read, {tally.quarantined:,} quarantined")
            told += TOLD_EVERY
    buckets.close()
    quarantine.close()
    write_table(first.rows().sort("first_day", "item_id"), staging.work / "first.parquet")
    say(f"log: {tally.read:,} rows read, {tally.quarantined:,} quarantined")


def demand_rows(log: Tally, staging: Staging) -> None:
    """Stop where nothing of the log can be used.

    Raises
    ------
    ContractError
        Naming the most frequent reasons.
    """
    if log.accepted:
        return
    staging.begin_anew()
    if not log.read:
        raise ContractError("The log holds no rows: was it downloaded whole?")
    top = sorted(log.reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP_REASONS]
    named = "; ".join(f"{reason} {rows:,} ({REASONS[reason]})" for reason, rows in top)
    raise ContractError(f"None of the {log.read:,} rows of the log can be used: {named}. They are in {staging.feed}.")


def demand_impressions(days: Tally, staging: Staging) -> None:
    """Stop where nothing was shown.

    Raises
    ------
    ContractError
        All counts are 0.
    """
    if not days.written:
        staging.begin_anew()
        raise ContractError(f"The {days.accepted:,} rows of the log count no view: was it downloaded whole?")


def _shelf(staging: Staging) -> Shelf:
    """Items with a cover, by their first day; one that the log never shows was there from the first of all."""
    covers = pl.read_parquet(staging.work / "covers.parquet").filter("is_default").select("item_id", "cover_id")
    first = pl.read_parquet(staging.work / "first.parquet")
    items = covers.join(first, on="item_id", how="left").with_columns(
        pl.col("first_day").fill_null(first["first_day"].min())
    )
    return Shelf(
        items=items.sort("first_day", "item_id").with_row_index(NUMBER).with_columns(pl.col(NUMBER).cast(pl.Int64))
    )


def write_days(data: DataSet, options: ImportOptions, staging: Staging, say: Say) -> Tally:
    """Write the impressions of every day, bucket by bucket."""
    shelf, total = _shelf(staging), Tally()
    for bucket in range(BUCKETS):
        work = partial(_write_bucket, data, options, staging, shelf, bucket)
        tally = staging.once(f"days-{bucket:02}", work)
        total.add(tally)
        if (bucket + 1) % (BUCKETS // 8) == 0:
            say(f"days: {bucket + 1} of {BUCKETS} parts, {total.written:,} impressions")
    return total


def _write_bucket(
    data: DataSet, options: ImportOptions, staging: Staging, shelf: Shelf, bucket: int, tally: Tally
) -> None:
    quarantine = staging.quarantine("impressions", f"days-{bucket:02}")
    path = path_of(staging.work / "log", bucket)
    clicks = Merged(CLICKS, lambda rows: rows.group_by(DAY, "item_id").agg(pl.col("clicks").sum()))
    for frame in batches_of(path):
        clicked = frame.filter(pl.col("sample")).group_by(DAY, "item_id").agg(pl.len().cast(pl.Int64).alias("clicks"))
        clicks.add(clicked)
    numbers = shelf.items.select("item_id", NUMBER)
    popularity = clicks.rows().join(numbers, on="item_id")
    limit = max(1, PART // data.growth)
    parts = parts_of(path, staging.work / f"cut-{bucket:02}", rows=rows_of(path), limit=limit, column=data.split_by)
    for part, rows_read in enumerate(parts):
        events, again = without_repeats(rows_read.join(numbers, on="item_id"))
        tally.count(events.height, again)
        quarantine.add(again)
        for (day,), frame in events.group_by(DAY, maintain_order=True):
            rng = np.random.default_rng([options.seed, int(day), part])
            rows = impressions_of(frame, shelf, popularity.filter(pl.col(DAY) == day), options, rng)
            name = (date(1970, 1, 1) + timedelta(days=int(day))).isoformat()
            if rows.height:
                write_table(rows, staging.feed / "impressions" / f"ds={name}" / f"part-{part:05}.parquet")
            tally.written += rows.height
    quarantine.close()


def write_catalogue(staging: Staging) -> dict[str, int]:
    """Write items and covers: items that have a cover, each from the start of its first day on."""
    covers = pl.read_parquet(staging.work / "covers.parquet").filter("first")
    shelf = _shelf(staging).items.select(
        "item_id", created_at=pl.from_epoch("first_day", "d").cast(pl.Datetime("us", "UTC"))
    )
    rows = 0
    for part in sorted((staging.work / "items").glob("*.parquet")):
        items = pl.read_parquet(part).join(shelf, on="item_id", how="inner", maintain_order="left")
        rows += items.height
        if items.height:
            write_table(items, staging.feed / "items" / part.name)
    write_table(covers.select("cover_id", "item_id", "is_default", "path"), staging.feed / "covers" / "covers.parquet")
    return {"items": rows, "covers": covers.height}


def demand_balance(staging: Staging, *tallies: Tally) -> None:
    """Stop unless every row that was read is accepted or lies in the quarantine.

    Raises
    ------
    ContractError
        Files changed while they were read.
    """
    files = (staging.feed / "quarantine").rglob("*.parquet")
    refused = sum(pq.read_metadata(path).num_rows for path in files)
    if refused != sum(tally.quarantined for tally in tallies) or any(
        tally.read != tally.accepted + tally.quarantined for tally in tallies
    ):
        raise ContractError(
            f"The rows do not add up ({refused:,} are in quarantine): the data set changed while it was read. "
            f"Remove {staging.root} and import it again."
        )


def survey(data: DataSet, options: ImportOptions, say: Say) -> Outcome:
    """What an import would write: all is read but the pictures, of which it is looked only whether they are there."""
    items, covers, log = Tally(), Tally(), Tally()
    ids = pl.Series("item_id", [], pl.String)
    for batch in data.items():
        fresh = batch.good["item_id"].filter(~batch.good["item_id"].is_in(ids.implode())).unique()
        items.count(fresh.len(), batch.bad)
        _repeat(items, batch.good.height - fresh.len(), contract.DUPLICATE_ITEM)
        ids = pl.concat([ids, fresh])
    wanted = data.pictures(pl.DataFrame({"item_id": ids}))
    there = wanted.filter(pl.Series([data.store.has(name) for name in wanted["picture"]], dtype=pl.Boolean))
    covers.count(there.height, pl.DataFrame(schema={"row": pl.String, "reasons": pl.List(pl.String)}))
    _repeat(covers, wanted.height - there.height, NO_COVER)
    placeholders = there.with_columns(cover_id=pl.lit(""), is_default=pl.int_range(pl.len()).over("item_id") == 0)
    days: set[date] = set()
    for batch in data.events():
        checked = with_covers(batch, ids, placeholders)
        log.count(checked.good.height, checked.bad)
        days |= set(checked.good["ts"].dt.date().unique())
        log.written += _made_of(checked.good, options)
    rows = {"impressions": log.written, "items": there["item_id"].n_unique(), "covers": there.height}
    say(f"{log.read:,} rows of the log were read; nothing was written")
    return Outcome(items=items, covers=covers, log=log, days=sorted(day.isoformat() for day in days), rows=rows)


def _repeat(tally: Tally, rows: int, reason: str) -> None:
    tally.read += rows
    tally.quarantined += rows
    tally.refuse(rows, reason)


def _made_of(events: pl.DataFrame, options: ImportOptions) -> int:
    """Impressions that events become, where enough items can be drawn."""
    counted = pl.col("views").clip(upper_bound=options.at_most).sum()
    plain = pl.col("views").is_null().sum()
    asking = pl.col("sample").sum().cast(pl.Int64) * options.negatives
    return int(events.select(counted + plain + asking).item())
