"""Commands of the night: the whole of it, several of them, one stage, and taking a cover down."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from conf.errors import NothingToDo, UsageError
from jobs.cli.app import (
    HOME,
    ConfigOption,
    DayOption,
    DebugOption,
    DryRunOption,
    ForceOption,
    HomeOption,
    JsonListOption,
    JsonOption,
    LogFormat,
    LogFormatOption,
    OverrideOption,
    ProfileOption,
    errors_explained,
    make_console,
    make_context,
)
from jobs.schedulers.command import EXIT_CODES
from jobs.stages import STAGES, Stage

if TYPE_CHECKING:
    from jobs.lake.context import Context


@dataclass(frozen=True, kw_only=True)
class How:
    """How stages are run."""

    dry_run: bool = False
    force: bool = False
    as_json: bool = False
    log_format: LogFormat = LogFormat.TEXT

    def __post_init__(self) -> None:
        if self.as_json and not self.dry_run:
            raise UsageError("--json goes with --dry-run; what a run says is JSON with --log-format json.")


def run_night(context: "Context", stages: tuple[Stage, ...], how: How) -> list[str]:
    """Run or preview the stages of one night; returns the names of those that ran or would run."""
    from jobs.lock import only_one
    from jobs.nightly import night_stages, run_stages
    from jobs.observation.json_lines import JsonLines
    from jobs.observation.observers import Observers
    from jobs.progress import Screen, make_screen

    chosen = night_stages(context, stages)
    if how.dry_run:
        return preview_night(context, chosen, how)
    names = [stage.name for stage in chosen]
    lines = how.log_format is LogFormat.JSON
    shown: Screen = JsonLines(sys.stdout, context.ds.isoformat()) if lines else make_screen(make_console(), names)
    with only_one(context.home), shown as screen:
        return run_stages(context, chosen, screen, force=how.force, observers=Observers.of(context))


def preview_night(context: "Context", stages: list[Stage], how: How) -> list[str]:
    """Say what would run and why, as text or as JSON; returns the names of those that would run."""
    from conf.load import dump_settings
    from jobs.nightly import preview

    checks, console = preview(context, stages, force=how.force), make_console()
    if how.as_json:
        told = {
            "ds": context.ds.isoformat(),
            "home": str(context.home),
            "stages": [{"name": each.stage.name, "runs": each.runs, "reason": each.reason} for each in checks],
            "settings": context.settings.model_dump(mode="json"),
        }
        typer.echo(json.dumps(told))
    else:
        console.print(dump_settings(context.settings).rstrip(), markup=False)
        console.print(f"Night {context.ds} in {context.home}:")
        for check in checks:
            word = "would run " if check.runs else "would skip"
            console.print(f"  {word}  {check.stage.name:<14} {check.reason}", markup=False, soft_wrap=True)
    return [check.stage.name for check in checks if check.runs]


def stages(
    source: Annotated[
        str | None, typer.Option("--source", help="Leave out the stages of other input sources: stickers or files.")
    ] = None,
    as_json: JsonListOption = False,
) -> None:
    """List the stages in order: what they read, write and come after, and what a scheduler does with exit codes."""
    with errors_explained(debug=False):
        from conf.settings import IngestSettings

        sources = get_args(IngestSettings.model_fields["source"].annotation)
        if source not in (None, *sources):
            raise UsageError(f"--source {source}: expected one of {', '.join(sources)}.")
    chosen = [stage for stage in STAGES if source is None or stage.source in (None, source)]
    if as_json:
        typer.echo(json.dumps({"stages": [described(stage, chosen) for stage in chosen], "exit_codes": EXIT_CODES}))
        return
    for stage in chosen:
        typer.echo(f"{stage.name:<14} {stage.about}")


def described(stage: Stage, among: Sequence[Stage]) -> dict[str, Any]:
    """A stage as data, after those of ``among``."""
    names = {each.name for each in among}
    return {
        "name": stage.name,
        "command": f"coverlift {stage.name}",
        "about": stage.about,
        "after": [name for name in (*stage.upstream, *stage.waits_for) if name in names],
        "reads": list(stage.reads),
        "writes": list(stage.writes),
        "source": stage.source,
    }


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


def nightly(
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    debug: DebugOption = False,
) -> None:
    """Run the whole night; stages that are done and unchanged are skipped."""
    with errors_explained(debug):
        context = make_context(day, home, config, profile, override)
        how = How(dry_run=dry_run, force=force, as_json=as_json, log_format=log_format)
        ran = run_night(context, STAGES, how)
        if not dry_run and log_format is LogFormat.TEXT:
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
        as_json: JsonOption = False,
        log_format: LogFormatOption = LogFormat.TEXT,
        debug: DebugOption = False,
    ) -> None:
        with errors_explained(debug):
            context = make_context(day, home, config, profile, override)
            from jobs.nightly import left_out

            why = left_out(stage, context)
            if why:
                other_input = stage.source not in (None, context.settings.ingest.source)
                raise UsageError(why) if other_input else NothingToDo(why)
            how = How(dry_run=dry_run, force=force, as_json=as_json, log_format=log_format)
            run_night(context, (stage,), how)
            if dry_run and stage.rehearsal and not as_json:
                from jobs.stages import resolve

                make_console().print(f"  {resolve(stage.rehearsal)(context).note}", markup=False, soft_wrap=True)

    return command


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First night.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last night, included.")],
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    debug: DebugOption = False,
) -> None:
    """Run several nights, oldest first; run again, it goes on where it stopped."""
    with errors_explained(debug):
        if last < first:
            raise UsageError(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}.")
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            if log_format is LogFormat.TEXT and not as_json:
                typer.echo(f"Night {day:%Y-%m-%d}")
            context = make_context(day, home, config, profile, override)
            how = How(dry_run=dry_run, force=force, as_json=as_json, log_format=log_format)
            run_night(context, STAGES, how)


def takedown(
    cover_id: Annotated[str, typer.Argument(help="SHA-256 of the cover, or of a written title.")],
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
        from jobs.publishing.takedown import take_down

        context = make_context(day, home, config, profile, override)
        removed = take_down(context.lake, cover_id, reason=reason, by=by, ds=context.ds, now=datetime.now(UTC))
        typer.echo(f"Cover {cover_id} is taken down; {removed} published rows removed.")


def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The earlier night whose covers are shown.")
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Show again what the night published itself.")] = False,
    by: Annotated[str, typer.Option("--by", envvar="USER", help="Who decides.")] = "unknown",
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    debug: DebugOption = False,
) -> None:
    """Show what an earlier night had published in place of this night's covers, until that is lifted."""
    with errors_explained(debug):
        from jobs.publishing.rollback import roll_back

        if lift == (to is not None):
            raise UsageError("Give either --to, the night to go back to, or --lift.")
        context = make_context(day, home, config, profile, override)
        earlier = None if to is None else to.date()
        roll_back(context.lake, context.ds, earlier, reason=reason, by=by, now=datetime.now(UTC))
        run_night(context, tuple(stage for stage in STAGES if stage.name == "publish"), How())


def unless_a_subcommand(run: Callable[..., None]) -> Callable[..., None]:
    """The same function, for a group that runs it when it is called without a subcommand."""

    def command(
        ctx: typer.Context,
        day: DayOption = None,
        home: HomeOption = HOME,
        config: ConfigOption = None,
        profile: ProfileOption = None,
        override: OverrideOption = None,
        dry_run: DryRunOption = False,
        force: ForceOption = False,
        as_json: JsonOption = False,
        log_format: LogFormatOption = LogFormat.TEXT,
        debug: DebugOption = False,
    ) -> None:
        if ctx.invoked_subcommand is None:
            run(day, home, config, profile, override, dry_run, force, as_json, log_format, debug)

    return command


def add_commands(app: typer.Typer, world: typer.Typer) -> None:
    """Add them to the command; the stage ``world`` runs where the group ``world`` is called alone."""
    for command in (nightly, backfill, stages, takedown, rollback):
        app.command()(command)
    for stage in STAGES:
        if stage.name == "world":
            world.callback(invoke_without_command=True)(unless_a_subcommand(stage_command(stage)))
        else:
            app.command(stage.name, help=stage.about, rich_help_panel="One stage")(stage_command(stage))
