"""Commands of the reviewers' desk: ``coverlift review ...``."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.core import TyperGroup

from jobs.cli.app import (
    HOME,
    ConfigOption,
    DayOption,
    DebugOption,
    HomeOption,
    OverrideOption,
    ProfileOption,
    errors_explained,
    make_app,
    make_console,
    make_context,
)

if TYPE_CHECKING:
    from jobs.lake.context import Context

MOVED = {
    "--export": "coverlift review export FILE [--queue pending]",
    "--import": "coverlift review import FILE --by NAME",
    "--add-user": "coverlift review users add NAME [--role reviewer]",
    "--policy-dry-run": "coverlift review policy-dry-run [--json]",
}
"""Options of ``coverlift review`` before it had subcommands -> what does the same now."""

DatabaseOption = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="sqlite:/// or postgresql://; review.database.")
]


class ReviewGroup(TyperGroup):
    """A group that says how an option that stands before the subcommand is given today."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Refuse options without a subcommand, naming the subcommand."""
        if args and args[0].startswith("-") and args[0] != "--help":
            _refuse(args)
        return super().parse_args(ctx, args)


def _refuse(args: list[str]) -> NoReturn:
    meant = next((MOVED[flag] for arg in args for flag in MOVED if arg.split("=")[0] == flag), None)
    typer.secho(
        f"coverlift review needs a subcommand: {meant or 'coverlift review serve ' + ' '.join(args)} "
        "(coverlift review --help lists them).",
        err=True,
        fg="red",
    )
    raise typer.Exit(2)


app = make_app("The reviewers' desk: look at the night's covers and decide what goes out.", ReviewGroup)
users = make_app("People who may sign in at the desk.")
app.add_typer(users, name="users")


def _desk_context(
    day: datetime | None,
    home: Path,
    config: Path | None,
    profile: str | None,
    override: list[str] | None,
    database: str | None,
) -> "Context":
    extra = [f"review.database={database}"] if database else []
    return make_context(day, home, config, profile, [*(override or []), *extra])


@app.command()
def serve(
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8765,
    debug: DebugOption = False,
) -> None:
    """Serve the desk: look at the night's covers in a browser and decide what goes out."""
    with errors_explained(debug):
        from generation.review import command

        context = _desk_context(day, home, config, profile, override, database)
        command.serve(context, _taking_down(context), _publishing(context), host=host, port=port, say=typer.echo)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="HTML file to write.")],
    queue: Annotated[str, typer.Option("--queue", help="Which queue.")] = "pending",
    by: Annotated[str, typer.Option("--by", envvar="USER", help="Who exports.")] = "unknown",
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    debug: DebugOption = False,
) -> None:
    """Write a queue as one HTML file, to decide anywhere without the desk."""
    with errors_explained(debug):
        from generation.review import command

        context = _desk_context(day, home, config, profile, override, database)
        command.export_file(context, file, queue, by, typer.echo)


@app.command("import")
def import_decisions(
    file: Annotated[Path, typer.Argument(help="Decisions that an offline file saved.")],
    by: Annotated[str, typer.Option("--by", envvar="USER", help="Who decided.")] = "unknown",
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    debug: DebugOption = False,
) -> None:
    """Read the decisions of an offline file back."""
    with errors_explained(debug):
        from generation.review import command

        context = _desk_context(day, home, config, profile, override, database)
        command.import_file(context, file, by, typer.echo)


@app.command()
def verify(
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    debug: DebugOption = False,
) -> None:
    """Say whether the desk's logs are as they were written; exit code 4 when they are not."""
    with errors_explained(debug):
        from generation.review import command

        command.verify_records(_desk_context(None, home, config, profile, override, database), typer.echo)


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Up to 64 letters, digits or . _ @ -")],
    role: Annotated[str, typer.Option("--role", help="viewer, reviewer or lead.")] = "reviewer",
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    debug: DebugOption = False,
) -> None:
    """Add a person, or set the role and password of one; the password is asked for, or read from a pipe."""
    with errors_explained(debug):
        from generation.review import command

        context = _desk_context(None, home, config, profile, override, database)
        command.add_person(context, name, role, typer.echo)


@users.command("list")
def list_users(
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    debug: DebugOption = False,
) -> None:
    """Show who may sign in, and as what."""
    with errors_explained(debug):
        from generation.review import command

        command.list_people(_desk_context(None, home, config, profile, override, database), typer.echo)


@users.command("disable")
def disable_user(
    name: Annotated[str, typer.Argument(help="Whose account.")],
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    database: DatabaseOption = None,
    debug: DebugOption = False,
) -> None:
    """Close an account: its sessions end, its decisions stay."""
    with errors_explained(debug):
        from generation.review import command

        command.disable_person(_desk_context(None, home, config, profile, override, database), name, typer.echo)


@app.command()
def policy_dry_run(
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every cover, as JSON.")] = False,
    debug: DebugOption = False,
) -> None:
    """Say what the written policy would do to the night's covers; change nothing."""
    with errors_explained(debug):
        from generation.review.policy import policy_dry_run as dry_run

        found = dry_run.rehearse(make_context(day, home, config, profile, override))
        if as_json:
            typer.echo(dry_run.as_json(found))
        else:
            dry_run.show(found, make_console())


def _publishing(context: "Context") -> Callable[[date], str]:
    """What the desk's Publish does: the night's stages ``review-sync`` and ``publish``, as the commands run them."""
    from jobs.cli.night import How, run_night
    from jobs.stages import STAGES

    stages = tuple(stage for stage in STAGES if stage.name in ("review-sync", "publish"))

    def run(ds: date) -> str:
        night = replace(context, ds=ds)
        ran = run_night(night, stages, How())
        shown = night.lake.read("published_covers", ds=ds, columns=["unit_id"]).num_rows
        return f"Published: {shown:,} covers are in the feed." if ran else "The feed was up to date."

    return run


def _taking_down(context: "Context") -> Callable[[str, str, str, date], str]:
    """What the desk's takedown does in the lake: the same as the command ``takedown``."""
    from conf.errors import NothingToDo
    from jobs.publishing.takedown import take_down

    def run(cover_id: str, reason: str, by: str, ds: date) -> str:
        try:
            removed = take_down(context.lake, cover_id, reason=reason, by=by, ds=ds, now=datetime.now(UTC))
        except NothingToDo as error:
            return str(error)
        return f"{removed} published rows removed"

    return run
