"""The command ``coverlift``.

Everything that takes long to import is imported by the command that needs it, so that
``coverlift --help`` answers at once.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.stages import STAGES, Stage

if TYPE_CHECKING:
    from rich.console import Console

    from jobs.lake.context import Context

EPILOG = (
    "Exit codes: 0 done; 2 wrong usage or settings; 3 the input breaks its contract; "
    "4 a quality gate said no; 75 try again later; 99 nothing to do."
)

app = typer.Typer(
    help="Paint cover images people want to click, overnight, and measure whether ranking got better.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

DayOption = Annotated[
    datetime | None, typer.Option("--ds", formats=["%Y-%m-%d"], help="The night.", show_default="settings.ds")
]
HomeOption = Annotated[
    Path, typer.Option("--home", envvar="COVERLIFT_HOME", help="Folder of tables, pictures, models and reports.")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="YAML file laid over the profile.")]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", envvar="COVERLIFT_PROFILE", help="local, test, cluster or icg-production.", show_default="local"
    ),
]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option("-o", "--override", metavar="SECTION.KEY=VALUE", help="One setting; may be repeated."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; change nothing.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Run even what is up to date.")]
HOME = Path("var")


@contextmanager
def errors_explained(debug: bool) -> Iterator[None]:
    """End the command with the exit code of an error and its message in plain words."""
    from conf.errors import CoverliftError

    try:
        yield
    except typer.Exit:
        raise
    except CoverliftError as error:
        if debug:
            raise
        typer.secho(str(error), err=True, fg=None if error.exit_code == 99 else "red")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.secho("Interrupted; the same command goes on where this one stopped.", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        if debug:
            raise
        notes = " ".join(getattr(error, "__notes__", []))
        lines = str(error).strip().splitlines() or [""]
        typer.secho(f"{type(error).__name__}: {lines[0]} {notes}".rstrip(), err=True, fg="red")
        typer.secho("This is not an error in what you asked for; --debug shows where it happened.", err=True)
        raise typer.Exit(1) from None


def make_context(
    day: datetime | None, home: Path, config: Path | None, profile: str | None, overrides: list[str] | None
) -> "Context":
    """Settings and places of a night, from the options."""
    from conf.load import load_settings
    from generation.personalization.methods import check_methods
    from jobs.lake.context import Context

    settings = load_settings(profile=profile, config=config, overrides=overrides or [])
    check_methods(settings.generation)
    return Context(ds=day.date() if day else settings.ds, home=home.absolute(), settings=settings)


def make_console() -> "Console":
    """Where results go: standard output."""
    from rich.console import Console

    return Console(highlight=False)


def run_night(context: "Context", stages: tuple[Stage, ...], *, dry_run: bool, force: bool) -> list[str]:
    """Run or foresee stages of one night; returns the names of those that ran or would run."""
    from conf.load import dump_settings
    from jobs.lock import only_one
    from jobs.nightly import foresee, night_stages, run_stages
    from jobs.progress import make_screen

    chosen = night_stages(context, stages)
    names, console = [stage.name for stage in chosen], make_console()
    if dry_run:
        console.print(dump_settings(context.settings).rstrip(), markup=False)
        console.print(f"Night {context.ds} in {context.home}:")
        verdicts = foresee(context, chosen, force=force)
        for verdict in verdicts:
            word = "would run " if verdict.runs else "would skip"
            console.print(f"  {word}  {verdict.stage.name:<14} {verdict.reason}", markup=False, soft_wrap=True)
        return [verdict.stage.name for verdict in verdicts if verdict.runs]
    with only_one(context.home), make_screen(console, names) as screen:
        return run_stages(context, chosen, screen, force=force)


def where_to_look(context: "Context", ran: list[str]) -> None:
    """The last lines of a night."""
    console, day = make_console(), context.ds.isoformat()
    report = context.home / "reports" / f"ds={day}" / "index.html"
    if not ran:
        console.print(f"Night {day} is up to date: nothing had to run.")
    if report.exists():
        console.print(f"Report:  {report}", soft_wrap=True)
    console.print(f"Covers:  {context.images.url}", soft_wrap=True)
    console.print(f"Tables:  coverlift inspect published_covers --ds {day} --home {context.home}", soft_wrap=True)


@app.command()
def nightly(
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    debug: DebugOption = False,
) -> None:
    """Run the whole night; stages that are done and unchanged are skipped."""
    with errors_explained(debug):
        context = make_context(day, home, config, profile, override)
        ran = run_night(context, STAGES, dry_run=dry_run, force=force)
        if not dry_run:
            where_to_look(context, ran)


def stage_command(stage: Stage) -> Callable[..., None]:
    """The command that runs one stage through the night's runner."""

    def command(
        day: DayOption = None,
        home: HomeOption = HOME,
        config: ConfigOption = None,
        profile: ProfileOption = None,
        override: OverrideOption = None,
        dry_run: DryRunOption = False,
        force: ForceOption = False,
        debug: DebugOption = False,
    ) -> None:
        with errors_explained(debug):
            context = make_context(day, home, config, profile, override)
            if stage.source not in (None, context.settings.ingest.source):
                from conf.errors import UsageError

                raise UsageError(
                    f"{stage.name} belongs to ingest.source={stage.source}, not {context.settings.ingest.source}."
                )
            run_night(context, (stage,), dry_run=dry_run, force=force)
            if dry_run and stage.rehearsal:
                from jobs.stages import resolve

                make_console().print(f"  {resolve(stage.rehearsal)(context).note}", markup=False, soft_wrap=True)

    return command


for _stage in STAGES:
    app.command(_stage.name, help=_stage.about, rich_help_panel="One stage")(stage_command(_stage))


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First night.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last night, included.")],
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    debug: DebugOption = False,
) -> None:
    """Run several nights, oldest first; run again, it goes on where it stopped."""
    from conf.errors import UsageError

    with errors_explained(debug):
        if last < first:
            raise UsageError(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}.")
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            typer.echo(f"Night {day:%Y-%m-%d}")
            context = make_context(day, home, config, profile, override)
            run_night(context, STAGES, dry_run=dry_run, force=force)


@app.command()
def takedown(
    cover_id: Annotated[str, typer.Argument(help="SHA-256 of the cover.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    by: Annotated[str, typer.Option("--by", envvar="USER", help="Who decides.")] = "unknown",
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    debug: DebugOption = False,
) -> None:
    """Take a cover down for good: from what is published for this night and later ones."""
    with errors_explained(debug):
        from jobs.takedown import take_down

        context = make_context(day, home, config, profile, override)
        removed = take_down(context.lake, cover_id, reason=reason, by=by, ds=context.ds, now=datetime.now(UTC))
        typer.echo(f"Cover {cover_id} is taken down; {removed} published rows removed.")


@app.command()
def review(
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8765,
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="sqlite:/// or postgresql://; review.database.")
    ] = None,
    export: Annotated[Path | None, typer.Option("--export", help="Write an offline HTML file and stop.")] = None,
    queue: Annotated[str, typer.Option("--queue", help="With --export: which queue.")] = "pending",
    read_back: Annotated[Path | None, typer.Option("--import", help="Read an offline file's decisions.")] = None,
    by: Annotated[str, typer.Option("--by", envvar="USER", help="With --import: who decided.")] = "unknown",
    add_user: Annotated[str | None, typer.Option("--add-user", metavar="NAME", help="Add a person and stop.")] = None,
    role: Annotated[str, typer.Option("--role", help="With --add-user: viewer, reviewer or lead.")] = "reviewer",
    policy_dry_run: Annotated[
        bool, typer.Option("--policy-dry-run", help="Say what the policy would do to the night; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --policy-dry-run: every cover, as JSON.")] = False,
    debug: DebugOption = False,
) -> None:
    """Serve the reviewers' desk: look at the night's covers in a browser and decide what goes out."""
    with errors_explained(debug):
        extra = [f"review.database={database}"] if database else []
        context = make_context(day, home, config, profile, [*(override or []), *extra])
        if policy_dry_run:
            _rehearse(context, as_json)
            return
        from generation.review import command

        if add_user:
            command.add_person(context, add_user, role, typer.echo)
        elif export:
            command.export_file(context, export, queue, by, typer.echo)
        elif read_back:
            command.import_file(context, read_back, by, typer.echo)
        else:
            command.serve(context, _taking_down(context), host=host, port=port, say=typer.echo)


def _rehearse(context: "Context", as_json: bool) -> None:
    from generation.review.policy import policy_dry_run

    found = policy_dry_run.rehearse(context)
    if as_json:
        typer.echo(policy_dry_run.as_json(found))
    else:
        policy_dry_run.show(found, make_console())


def _taking_down(context: "Context") -> Callable[[str, str, str, date], str]:
    """What the desk's takedown does in the lake: the same as the command ``takedown``."""
    from conf.errors import NothingToDo
    from jobs.takedown import take_down

    def run(cover_id: str, reason: str, by: str, ds: date) -> str:
        try:
            removed = take_down(context.lake, cover_id, reason=reason, by=by, ds=ds, now=datetime.now(UTC))
        except NothingToDo as error:
            return str(error)
        return f"{removed} published rows removed"

    return run


@app.command()
def inspect(
    table: Annotated[str, typer.Argument(help="Name of a table, e.g. segments.")],
    day: DayOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to show.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, vectors in full.")] = False,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    debug: DebugOption = False,
) -> None:
    """Show a table: what a row is, columns, versions, partitions and some rows. Needs no Spark."""
    with errors_explained(debug):
        from jobs import table_view

        context = make_context(day, home, config, profile, override)
        found = table_view.describe(context.lake, table, ds=_given(day), limit=limit)
        if as_json:
            typer.echo(table_view.as_json(found))
        else:
            table_view.show(found, make_console())


def _given(day: datetime | None) -> date | None:
    return day.date() if day else None


@app.command()
def doctor(
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    debug: DebugOption = False,
) -> None:
    """Say what a night needs, what of it is missing and how to mend that."""
    with errors_explained(debug):
        from jobs.doctor import examine, healthy, show

        context = make_context(None, home, config, profile, override)
        findings = examine(context.settings, context.home)
        show(findings, make_console())
        if not healthy(findings):
            raise typer.Exit(2)


def main() -> None:
    """Entry point of the command."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve Spark's and Triton's processes
    app()


if __name__ == "__main__":
    main()
