"""Commands about data: a table, what a night needs, what set-up fetches, the built-in world."""

from datetime import date, datetime
from typing import Annotated

import typer

from conf.errors import UsageError
from jobs.cli.app import (
    HOME,
    ConfigOption,
    DayOption,
    DebugOption,
    HomeOption,
    OverrideOption,
    ProfileOption,
    errors_explained,
    make_console,
    make_context,
)
from jobs.cli.programs import Program

WORLD = (
    Program(
        name="describe",
        function="jobs.simulator.describe:describe",
        about="Print what the default world looks like and plot it.",
    ),
    Program(
        name="pack",
        function="jobs.stickers.build_pack:build_pack",
        about="Build the picture pack from its pinned npm packages.",
    ),
)


def inspect(
    table: Annotated[str | None, typer.Argument(help="Name of a table, e.g. segments.")] = None,
    day: DayOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to show.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, vectors in full.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print what a table promises, or all of them, as Markdown; needs no lake.")
    ] = False,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    debug: DebugOption = False,
) -> None:
    """Show a table: what a row is, columns, versions, partitions and some rows. Needs no Spark."""
    with errors_explained(debug):
        from jobs import table_view

        if schema:
            typer.echo(table_view.section(table_view.spec_of(table)) if table else table_view.page())
            return
        if table is None:
            raise UsageError("Name a table: coverlift inspect segments. `coverlift inspect --schema` lists them all.")
        context = make_context(day, home, config, profile, override)
        found = table_view.describe(context.lake, table, ds=_given(day), limit=limit)
        if as_json:
            typer.echo(table_view.as_json(found))
        else:
            table_view.show(found, make_console())


def _given(day: datetime | None) -> date | None:
    return day.date() if day else None


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


def setup(debug: DebugOption = False) -> None:
    """Fetch the Delta jar and the frozen models, each checked against its pinned hash; what is there stays."""
    with errors_explained(debug):
        from jobs.lake.engine import delta_jar
        from recsys_eval import assets as evaluation
        from reward_model.encoders import assets

        typer.echo(f"Delta: {delta_jar.ensure()}")
        assets.prepare(typer.echo)
        evaluation.prepare(typer.echo)


def add_commands(app: typer.Typer) -> None:
    """Add them to the command."""
    for command in (inspect, doctor, setup):
        app.command()(command)
