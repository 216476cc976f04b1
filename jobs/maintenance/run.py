"""The whole care of a home, in the order in which one step frees what the next one looks at."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from jobs.lake.context import Context
from jobs.maintenance.desk import forget_notices, looked_at, shown_pictures
from jobs.maintenance.pictures import named, remove_orphans, with_planned
from jobs.maintenance.removed import LOGS, Removed
from jobs.maintenance.tables import check_days, drop_partitions, join_small_files, remove_old_versions, there


def maintain(ctx: Context, now: datetime, *, dry_run: bool = False) -> list[Removed]:
    """Remove what nobody needs any more; whoever calls holds the home's lock, but for a dry run.

    Every step may be repeated, and a killed one goes on with the same command.

    Parameters
    ----------
    ctx
        The night: days of partitions count back from its ``ds``.
    now
        What ages of files count back from. Versions of tables are as old as delta-rs says by the machine's clock.
    dry_run
        Change nothing, and tell what would go.

    Returns
    -------
    list[Removed]
        One for each place and kind of which something went.

    Raises
    ------
    UsageError
        When ``maintain.partition_days`` asks for what a night still needs.
    TryAgainError
        When another writer was faster, or the desk's database does not answer; what was done until then stays done.
    """
    check_days(ctx.settings)
    return [*_tables(ctx, dry_run), *_pictures(ctx, now, dry_run), *_lines(ctx, now, dry_run)]


def _tables(ctx: Context, dry_run: bool) -> Iterator[Removed]:
    chosen = ctx.settings.maintain
    yield from drop_partitions(ctx.lake, ctx.ds, chosen.partition_days, dry_run=dry_run)
    tables = there(ctx.lake)
    for number, table in enumerate(tables):
        ctx.progress(number, len(tables), table)
        yield from join_small_files(ctx.lake, table, dry_run=dry_run)
        yield from remove_old_versions(ctx.lake, table, chosen.version_days, dry_run=dry_run)


def _pictures(ctx: Context, now: datetime, dry_run: bool) -> Iterator[Removed]:
    chosen = ctx.settings.maintain
    if chosen.orphan_days is None:
        return
    names = with_planned(named(ctx.lake, chosen.version_days), ctx.images)
    with looked_at(ctx) as desk:
        names.pictures |= set() if desk is None else shown_pictures(desk)
    before = now - timedelta(days=chosen.orphan_days)
    yield from remove_orphans(ctx.images, names, before, dry_run=dry_run)


def _lines(ctx: Context, now: datetime, dry_run: bool) -> Iterator[Removed]:
    chosen = ctx.settings.maintain
    yield from remove_logs(ctx.home / "logs", now - timedelta(days=chosen.log_days), dry_run=dry_run)
    yield from forget_notices(ctx, now, dry_run=dry_run)


def remove_logs(folder: Path, before: datetime, *, dry_run: bool) -> Iterator[Removed]:
    """Remove files of a folder that were last written before a time; links and what they lead to stay."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    old = {path: path.stat().st_size for path in files if path.stat().st_mtime < before.timestamp()}
    if not old:
        return
    if not dry_run:
        for path in old:
            path.unlink()
    yield Removed(place="logs", why=LOGS, number=len(old), size=sum(old.values()))
