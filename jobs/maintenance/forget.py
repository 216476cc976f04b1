"""Taking users out of a home: their rows, the old versions that have them, and what cannot be taken out by name.

The ledger (:mod:`jobs.ingest.forgotten`) is written first, so that no rerun brings anybody back; then the tables are
written anew, by Spark under their constraints, and never by a condition that names a user, which the transaction log
would keep; then every version but the newest goes off the disk. A killed run goes on with the same command.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from conf.errors import NothingToDo, UsageError
from jobs.ingest.forgotten import Forgotten, add_forgotten, read_forgotten, user_hash
from jobs.lake.audiences import user_audience
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from jobs.lake.schema.tables import TABLES
from jobs.maintenance.mentions import Kind, Mentions, find, user_columns
from jobs.maintenance.tables import remove_old_versions, there
from jobs.maintenance.traces import traces
from reward_model.registry import model_versions

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A table that named the users."""

    table: str
    rows: int
    """Rows of the newest version; those that only list a user stay, without them."""
    files: int
    """Files on the disk, of all versions."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What went, and what still has the users in it."""

    tables: list[Touched]
    models: list[str]
    """Versions of the reward model that were there, and may have been trained with their rows."""
    nights: list[str]
    """First and last night with statistics of items and segments, which count their rows."""
    files: list[str]
    """Files beside tables and pictures that hold an id in clear, relative to the home."""


def forget(ctx: Context, users: Sequence[str], now: datetime, *, dry_run: bool = False) -> Outcome:
    """Take users out; whoever calls holds the home's lock, but for a dry run.

    Raises
    ------
    UsageError
        When there is nobody of that id, neither in a table nor among those forgotten before; nobody is taken out then.
    NothingToDo
        When all of them are gone already.
    TryAgainError
        When another writer was faster, or the storage does not answer.
    """
    if not all(user.strip() for user in users):
        raise UsageError("An id is empty: give ids as the log has them. Nobody was taken out.")
    specs = [TABLES[table] for table in there(ctx.lake) if user_columns(TABLES[table])]
    found = []
    for number, spec in enumerate(specs):
        ctx.progress(number, len(specs), spec.name)
        found.append(find(ctx.lake, spec, users))
    _demand_known(ctx, users, found)
    touched = [each for each in found if each.files or each.rows]
    outcome = Outcome(
        tables=[Touched(table=each.table, rows=each.rows, files=each.files) for each in touched],
        models=model_versions(ctx.home),
        nights=_first_and_last(ctx.lake),
        files=[],
    )
    if not dry_run:
        at, models, nights = now.isoformat(), outcome.models, outcome.nights
        ledger = [Forgotten(sha256=user_hash(user), at=at, models=models, nights=nights) for user in users]
        add_forgotten(ctx.home, ledger)
        for each in touched:
            _rewrite(ctx.lake, each, users)
            list(remove_old_versions(ctx.lake, each.table, 0, dry_run=False))
    return Outcome(**{**vars(outcome), "files": traces(ctx.home, users)})


def _demand_known(ctx: Context, users: Sequence[str], found: Sequence[Mentions]) -> None:
    named = set().union(*(each.users for each in found)) if found else set()
    before = read_forgotten(ctx.home)
    unknown = [user for user in users if user not in named and user_hash(user) not in before]
    if unknown:
        raise UsageError(
            f"No table of {ctx.lake.url} names {', '.join(map(repr, unknown))}, and nobody of that id was forgotten: "
            "give ids as the log has them. Nobody was taken out."
        )
    if not named:
        raise NothingToDo(
            "Forgotten already: no row and no old version names them; `coverlift doctor` tells whether a model may."
        )


def _first_and_last(lake: Lake) -> list[str]:
    nights = sorted(lake.partitions("item_features") | lake.partitions("segments"))
    return [nights[0], nights[-1]] if nights else []


def _rewrite(lake: Lake, mentions: Mentions, users: Sequence[str]) -> None:
    """Write the days that name the users anew without them; nothing where only old versions do."""
    if not mentions.rows:
        return
    days = sorted(mentions.days) or None
    frame = lake.frame(mentions.table, ds=days)
    lake.replace(_without(frame, mentions, users), mentions.table, ds=days)


def _without(frame: "DataFrame", mentions: Mentions, users: Sequence[str]) -> "DataFrame":
    from pyspark.sql import functions as F

    for name, kind in user_columns(TABLES[mentions.table]).items():
        if kind is Kind.USERS:
            frame = frame.withColumn(name, F.filter(name, lambda user: ~user.isin(*users)))
            continue
        gone: Sequence[str] = users
        if kind is Kind.AUDIENCE:
            gone = [user_audience(user) for user in users]
        elif kind is Kind.INPUT:
            gone = sorted(mentions.inputs)
        if gone:
            hit: Column = F.coalesce(F.col(name).isin(*gone), F.lit(False))
            frame = frame.where(~hit)
    return frame


def as_data(outcome: Outcome, *, home: str, dry_run: bool) -> dict[str, Any]:
    """What ``coverlift forget --json`` prints."""
    return {"home": home, "dry_run": dry_run, **asdict(outcome)}


def show(outcome: Outcome, console: Console, *, dry_run: bool) -> None:
    """Tables with rows and files, then what still has the users in it."""
    table = Table("table", "rows", "files of all versions")
    for each in outcome.tables:
        table.add_row(each.table, f"{each.rows:,}", f"{each.files:,}")
    console.print(table)
    console.print("Nothing was changed." if dry_run else "Taken out, with every old version of these tables.")
    if outcome.models:
        console.print(f"May have learned from their rows, and stay: reward models {', '.join(outcome.models)}.")
    if outcome.nights:
        console.print(f"Counts and means of nights {' to '.join(outcome.nights)} stay as they were made.")
    if outcome.files:
        console.print("Hold an id in clear, or the same word, and stay:")
        for name in outcome.files:
            console.print(f"  {name}", soft_wrap=True, markup=False)
