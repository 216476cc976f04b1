"""What ``coverlift review`` does: serve the desk, hand out an offline file, read one back, add a person."""

import getpass
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from conf.errors import GateError, UsageError
from generation.review.log import verify
from generation.review.log.answers.four_eyes import COMMAND_LINE
from generation.review.log.database import Database, answering, database_of, in_use
from generation.review.log.load import load_night
from generation.review.log.queue import TABS, Filter
from generation.review.log.sealing import audit_chain, chain
from generation.review.log.takedown_outbox import carry_out_all
from generation.review.offline import offline_file
from generation.review.web.accounts import Accounts
from generation.review.web.app import Lakeside, make_app
from jobs.lake.context import Context

Say = Callable[[str], None]


def open_desk(ctx: Context) -> Database:
    """The desk's database with the night loaded.

    Raises
    ------
    TryAgainError
        When the database does not answer.
    UsageError
        When the night has no covers.
    """
    database = database_of(ctx)
    with answering():
        load_night(database, ctx)
    return database


def add_person(ctx: Context, name: str, role: str, say: Say) -> None:
    """Add an account, or set the role and password of one; the password is asked for, or read from a pipe.

    The person changes it at the first sign-in.
    """
    database = database_of(ctx)
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {name}: ")
        if getpass.getpass("Again: ") != password:
            raise UsageError("The two passwords differ; nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\n")
    Accounts(database, ctx.settings.review).put(name, role, password, datetime.now(UTC), by=COMMAND_LINE)
    say(f"{name} may sign in as {role}.")


def list_people(ctx: Context, say: Say) -> None:
    """Say who may sign in, and as what."""
    database = database_of(ctx)
    people = Accounts(database, ctx.settings.review).all()
    for person in people:
        say(f"{person.name}  {'disabled' if person.disabled else person.role}")
    if not people:
        say("Nobody yet: `coverlift review users add NAME` adds a person.")


def disable_person(ctx: Context, name: str, say: Say) -> None:
    """Close an account.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    database = database_of(ctx)
    people = Accounts(database, ctx.settings.review)
    if people.role_of(name) is None:
        raise UsageError(f"{name!r} has no open account at this desk; `coverlift review users list` shows them.")
    people.disable(name, datetime.now(UTC), by=COMMAND_LINE)
    say(f"{name} may not sign in any more.")


def verify_records(ctx: Context, say: Say) -> None:
    """Say whether the desk's logs, and what follows from them, are as they were written.

    Raises
    ------
    GateError
        When something was changed; every finding was said before.
    """
    if not in_use(ctx.settings.review.database, ctx.home):
        raise UsageError(f"There is no desk under {ctx.home}: name its database with --database.")
    database = database_of(ctx)
    with answering():
        found = verify.faults(database, ctx.lake)
        with database.reading() as connection:
            decisions, lines = chain.head(connection)[0], audit_chain.head(connection)[0]
    database.close()
    for line in found:
        say(line)
    if found:
        raise GateError(f"{len(found)} findings: the desk's records are not as they were written.")
    say(f"{decisions} decisions and {lines} lines of the audit are as they were written.")


def export_file(ctx: Context, file: Path, tab: str, by: str, say: Say) -> None:
    """Write one self-contained HTML file with the covers of a queue."""
    if tab not in TABS:
        raise UsageError(f"There is no queue {tab!r}; the queues are {', '.join(TABS)}.")
    database = open_desk(ctx)
    asked = Filter(ds=ctx.ds.isoformat(), tab=tab)
    settings = ctx.settings.review
    page = offline_file.export(database, ctx.images, asked, settings=settings, by=by, now=datetime.now(UTC))
    file.write_bytes(page)
    say(f"{file}: {len(page) / 1e6:.1f} MB; open it in a browser, save the decisions, then `coverlift review import`.")


def import_file(ctx: Context, file: Path, by: str, say: Say) -> None:
    """Read the decisions of an offline file back.

    Raises
    ------
    UsageError
        When the file cannot be read, or ``by`` may not decide.
    """
    database = open_desk(ctx)
    role = Accounts(database, ctx.settings.review).role_of(by)
    if role not in ("reviewer", "lead"):
        raise UsageError(f"{by!r} is no reviewer here: name one with --by, or add one: `coverlift review users add`.")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    report = offline_file.read_back(
        database,
        data,
        settings=ctx.settings.review,
        by=by,
        lead=role == "lead",
        now=datetime.now(UTC),
        importer=COMMAND_LINE,
    )
    say(f"{report.taken} decisions taken, {report.known} known before, {len(report.refused)} refused.")
    for line in report.refused:
        say(f"  {line}")


def serve(
    ctx: Context,
    take_down: Callable[[str, str, str, date], str],
    publish: Callable[[date], str],
    *,
    host: str,
    port: int,
    say: Say,
) -> None:
    """Serve the desk until it is interrupted.

    Without accounts, and without a proxy that signs people in, a one-time link is printed with which
    the first account is made.
    """
    import uvicorn

    database = open_desk(ctx)
    settings = ctx.settings.review
    token = None
    if not settings.proxy_header and not Accounts(database, settings).any():
        token = secrets.token_urlsafe(24)
        say(f"First account (the link works once): http://{host}:{port}/setup?token={token}")
    still_open = carry_out_all(database, take_down, datetime.now(UTC))
    if still_open:
        say(
            f"{still_open} takedowns could not be carried out in the lake; the audit log says why. "
            "The next start tries again."
        )
    app = make_app(database, ctx, Lakeside(take_down=take_down, publish=publish), hosts=(host,), setup_token=token)
    app.state.watch.start()
    app.state.hook.start()
    say(f"Review desk of {ctx.ds}: http://{host}:{port}/")
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=60,
    )
    app.state.watch.stop()
    app.state.hook.stop()
    app.state.publisher.wait()
    database.close()
