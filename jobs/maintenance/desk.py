"""What the reviewers' desk still shows, and the notices of its hook that it need not remember."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, MetaData, String, inspect, select

from generation.review.log.database import answering, database_of, engine_to_look, in_use
from generation.review.log.together.notices import forget_done, may_be_forgotten
from jobs.lake.context import Context
from jobs.maintenance.removed import NOTICES, Removed


@contextmanager
def looked_at(ctx: Context) -> Iterator[Connection | None]:
    """A connection that only reads the desk's database, as it is; None where there is no desk.

    Raises
    ------
    TryAgainError
        When the database does not answer: then nobody knows which pictures the desk shows.
    """
    chosen = ctx.settings.review
    if not in_use(chosen.database, ctx.home):
        yield None
        return
    engine = engine_to_look(chosen.database, ctx.home)
    try:
        with answering(engine.url.render_as_string(hide_password=True)), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def shown_pictures(connection: Connection) -> set[str]:
    """Ids of all pictures that the desk's tables name, whatever version of the desk made them."""
    found = MetaData()
    found.reflect(connection)
    return {
        each
        for table in found.tables.values()
        for column in table.columns
        if "cover" in column.name and isinstance(column.type, String)
        for each in connection.execute(select(column).distinct()).scalars()
        if each is not None
    }


def forget_notices(ctx: Context, now: datetime, *, dry_run: bool) -> Iterator[Removed]:
    """Remove what the hook delivered or gave up long ago; what waits, or would be found again, stays."""
    before = now - timedelta(days=ctx.settings.maintain.notice_days)
    hours = ctx.settings.review.overdue_hours
    with looked_at(ctx) as connection:
        if connection is None or not inspect(connection).has_table("notices"):
            return
        sizes = may_be_forgotten(connection, before, now=now, hours=hours)
    if not sizes:
        return
    if not dry_run:
        database = database_of(ctx)
        try:
            with database.writing(alone=True) as writing:
                sizes = forget_done(writing, before, now=now, hours=hours)
        finally:
            database.close()
    yield Removed(place="desk", why=NOTICES, number=len(sizes), size=sum(sizes.values()))
