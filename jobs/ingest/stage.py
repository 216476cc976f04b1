"""The stage ``ingest``: from input files to impressions, items and covers; what breaks the contract is quarantined."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from conf.errors import ContractError, TryAgainError
from jobs.ingest import contract
from jobs.ingest.catalogue import check_covers, check_items, write_covers, write_items
from jobs.ingest.checks import (
    Checked,
    accepted_rows,
    add_reasons,
    check_unique,
    counted,
    impression_conditions,
    mark_known,
    quarantine_rows,
    repeated_keys,
    unknown_condition,
    value_conditions,
)
from jobs.ingest.forgotten import read_forgotten, without_forgotten
from jobs.ingest.readers import DAY, InputFolder, damaged_parquet, read_source
from jobs.lake.context import Context, StageResult

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

UNREADABLE_FILE = re.compile(r"FAILED_READ_FILE\b[\s\S]*?reading file (?P<file>\S+?)\.?\s")
"""How Spark says that a file broke off while its rows were read."""

PARQUET_CODE = re.compile(r"\bat org\.apache\.(parquet|spark\.sql\.execution\.datasources\.parquet)\.")
"""A stack trace through Spark's Parquet reader; values of a dictionary are looked up after the file was read."""

TOP_REASONS = 3
"""Reasons that an error names."""


def days_to_load(folder: InputFolder, loaded: set[str], ds: date, history_days: int) -> list[str]:
    """Days of the input within the window that the lake lacks, and ``ds`` again if the input still has it.

    Raises
    ------
    TryAgainError
        Neither the input nor the lake has ``ds``: the log is late.
    """
    first = ds - timedelta(days=history_days - 1)
    window = [day for day in folder.days() if first.isoformat() <= day <= ds.isoformat()]
    if ds.isoformat() not in loaded | set(window):
        raise TryAgainError(
            f"{folder.url} has no impressions/ds={ds} yet: run again when the log of that day has arrived, "
            "or choose another --ds."
        )
    return [day for day in window if day not in loaded or day == ds.isoformat()]


def run(context: Context) -> StageResult:
    """Load the days that are new, and items and covers.

    Reads ``history_days`` up to ``ds``; a day that the lake has is left alone, but ``ds`` itself
    is replaced. Refused rows go to ``quarantine`` with all their reasons. Rows of users who were taken out of the home
    (``coverlift forget``) are left out and only counted.

    Raises
    ------
    TryAgainError
        The log of ``ds`` has not arrived.
    ContractError
        A file cannot be opened, or a source has more refused rows than ``ingest.max_quarantine_share``; the
        quarantine is written then, the other tables are as before.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return load(context)
    except (PySparkException, Py4JJavaError) as error:
        damaged = damaged_file(context, str(error))
        if damaged is None:
            raise
        raise ContractError(
            f"{damaged} is damaged: its footer is readable, its rows are not. Write it again or remove it."
        ) from error
    finally:
        context.spark.catalog.clearCache()


def damaged_file(context: Context, error: str) -> str | None:
    """The file that an error of Spark is about; None where it is about something else."""
    unreadable = UNREADABLE_FILE.search(error)
    if unreadable is not None:
        return unreadable["file"]
    if PARQUET_CODE.search(error) is None or context.settings.ingest.format != "parquet":
        return None
    folder = InputFolder(context.input_url, context.settings.lake.storage_options, "parquet")
    places = ["items", "covers", *(f"impressions/ds={day}" for day in folder.days())]
    found = damaged_parquet(folder, (path for place in places for path in folder.files(place)))
    return found or f"a Parquet file under {folder.url}"


def load(context: Context) -> StageResult:
    """Check everything, then write it; see ``run``."""
    settings = context.settings
    folder = InputFolder(context.input_url, settings.lake.storage_options, settings.ingest.format)
    days = days_to_load(folder, context.lake.partitions("impressions"), context.ds, settings.ingest.history_days)
    context.progress(0, 4, "items")
    items = check_items(context, folder)
    context.progress(1, 4, "covers")
    covers = check_covers(context, folder, items)
    context.progress(2, 4, "impressions")
    impressions = check_impressions(context, folder, days, items, covers)
    sources = [checked for checked in (items, covers, impressions) if checked is not None]
    for checked in sources:
        demand_balance(checked)
    context.progress(3, 4, "tables")
    write_quarantine(context, sources, days)
    demand_quality(sources, settings.ingest.max_quarantine_share)
    written = write_tables(context, items, covers, impressions, days)
    refused = sum(checked.refused for checked in sources)
    metrics = {f"refused_{name}": float(n) for checked in sources for name, n in checked.by_reason.items()}
    if impressions is not None and impressions.forgotten:
        metrics["forgotten_users_rows"] = float(impressions.forgotten)
    return StageResult(
        rows=written | {"quarantine": refused},
        metrics=metrics,
        note=f"{len(days)} days, {written['impressions']:,} impressions, {refused:,} rows quarantined",
    )


def check_impressions(
    context: Context, folder: InputFolder, days: list[str], items: Checked | None, covers: Checked | None
) -> Checked | None:
    """Read and check the log of some days; None where there is nothing to read."""
    source = contract.IMPRESSIONS
    raw = read_source(context.spark, folder, source, [f"impressions/ds={day}" for day in days])
    if raw is None:
        return None
    left, forgotten = without_forgotten(raw.frame, sorted(read_forgotten(context.home)))
    frame, conditions = left, [*value_conditions(source), *impression_conditions()]
    for table, checked, keys, reason in (
        ("items", items, ["item_id"], contract.UNKNOWN_ITEM),
        ("covers", covers, ["cover_id", "item_id"], contract.UNKNOWN_COVER),
    ):
        known, rows = known_rows(context, checked, table, keys)
        frame = mark_known(frame, known, keys, f"_known_{table}", rows=rows)
        conditions.append(unknown_condition(f"_known_{table}", keys, reason))
    frame = add_reasons(frame, conditions)
    again = repeated_keys(left, source, earlier_impressions(context, days))
    checked = counted(check_unique(frame, source, again), source, raw.rows - forgotten)
    return replace(checked, forgotten=forgotten)


def known_rows(context: Context, checked: Checked | None, table: str, keys: list[str]) -> tuple["DataFrame", int]:
    """Distinct keys that are accepted now or in the lake, and an upper bound of their number."""
    parts, rows = [], 0
    if checked is not None:
        parts, rows = [accepted_rows(checked).select(*keys)], checked.accepted
    if context.lake.exists(table):
        parts.append(context.lake.frame(table).select(*keys))
        rows += context.lake.dataset(table).count_rows()
    if not parts:
        return context.spark.createDataFrame([], ", ".join(f"{key} string" for key in keys)), 0
    union = parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])
    return union.distinct(), rows


def earlier_impressions(context: Context, days: list[str]) -> "DataFrame | None":
    """Ids that the lake has on other days of the window; None without any."""
    first = context.ds - timedelta(days=context.settings.ingest.history_days - 1)
    others = [
        day
        for day in context.lake.partitions("impressions")
        if first.isoformat() <= day <= context.ds.isoformat() and day not in days
    ]
    if not others:
        return None
    return context.lake.frame("impressions", ds=others).select("impression_id")


def demand_balance(checked: Checked) -> None:
    """Stop unless every row that was read is accepted or refused.

    Raises
    ------
    ContractError
        Rows appeared or vanished, as when files change while they are read.
    """
    if not checked.balanced:
        raise ContractError(
            f"{checked.source.name}: {checked.read:,} rows were read, but {checked.accepted:,} accepted and "
            f"{checked.refused:,} refused: the input changed while it was read. Run again when it is still."
        )


def demand_quality(sources: list[Checked], limit: float) -> None:
    """Stop when a source has too many refused rows.

    Raises
    ------
    ContractError
        Naming the sources, shares and most frequent reasons.
    """
    complaints = []
    for checked in sources:
        if checked.refused > limit * checked.read:
            top = sorted(checked.by_reason.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP_REASONS]
            named = ", ".join(f"{reason} {rows:,} ({contract.REASONS[reason]})" for reason, rows in top)
            complaints.append(
                f"{checked.source.name}: {checked.refused:,} of {checked.read:,} rows "
                f"({checked.refused / checked.read:.1%}) break the contract: {named}"
            )
    if complaints:
        raise ContractError(
            "; ".join(complaints)
            + f". More than ingest.max_quarantine_share={limit} is not loaded. The rows are in table quarantine; "
            "mend the input (docs/input-contract.md) or allow more."
        )


def write_quarantine(context: Context, sources: list[Checked], days: list[str]) -> None:
    """Replace the quarantined rows of this night's items and covers and of the days read."""
    refused = [checked for checked in sources if checked.refused]
    if not refused and not context.lake.exists("quarantine"):
        return
    ds = context.ds.isoformat()
    frame = None
    for checked in refused or sources[:1]:
        rows = quarantine_rows(checked, ds)
        frame = rows if frame is None else frame.unionByName(rows)
    if frame is None:
        return
    parts = [f"(ds = '{ds}' AND source IN ('items', 'covers'))"]
    if days:
        listed = ", ".join(f"'{day}'" for day in days)
        parts.append(f"(ds IN ({listed}) AND source = 'impressions')")
    written = context.lake.replace(frame, "quarantine", where=" OR ".join(parts))
    expected = sum(checked.refused for checked in sources)
    if written != expected:
        raise ContractError(f"quarantine: {written:,} rows were written instead of {expected:,}; run again.")


def write_tables(
    context: Context, items: Checked | None, covers: Checked | None, impressions: Checked | None, days: list[str]
) -> dict[str, int]:
    """Write what was accepted, catalogue first; return accepted rows by table."""
    if items is not None:
        write_items(context, items)
    if covers is not None:
        write_covers(context, covers)
    if impressions is not None:
        columns = [DAY, *(field.name for field in contract.IMPRESSIONS.fields)]
        written = context.lake.replace(accepted_rows(impressions).select(*columns), "impressions", ds=days)
        if written != impressions.accepted:
            raise ContractError(
                f"impressions: {written:,} rows were written instead of {impressions.accepted:,}; run again."
            )
    return {
        name: checked.accepted if checked is not None else 0
        for name, checked in (("impressions", impressions), ("items", items), ("covers", covers))
    }
