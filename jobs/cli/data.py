"""Commands about data: a table, what a night needs, what set-up fetches, the built-in world."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from conf.settings import Settings
    from jobs.ingest.importers.run import Outcome

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
    contract: Annotated[
        bool, typer.Option("--contract", help="Print the input contract for machines (ODCS, YAML); needs no lake.")
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
        from jobs.ingest import odcs

        if contract:
            typer.echo(odcs.as_yaml(), nl=False)
            return
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


def import_data(
    name: Annotated[
        str, typer.Argument(help="qilin, tianchi, microlens, mmctr, pixelrec or movielens.", show_default=False)
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data set, unpacked as it is published.")],
    out: Annotated[Path, typer.Option("--out", help="The input folder to write; an earlier import's is replaced.")],
    negatives: Annotated[
        int | None,
        typer.Option(
            "--negatives", help="Items drawn beside each click, where a log has clicks alone.", show_default="4"
        ),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option("--sampling", help="Draw them by the day's popularity or uniform.", show_default="popularity"),
    ] = None,
    at_most: Annotated[
        int | None,
        typer.Option("--at-most", help="tianchi: impressions for a creative and day.", show_default="20"),
    ] = None,
    posters: Annotated[Path | None, typer.Option("--posters", help="movielens: folder of ID.jpg.")] = None,
    posters_by: Annotated[
        str | None,
        typer.Option("--posters-by", help="movielens: what ID is: movie, imdb or tmdb.", show_default="movie"),
    ] = None,
    first_day: Annotated[
        datetime | None,
        typer.Option(
            "--first-day", formats=["%Y-%m-%d"], help="mmctr: day of train.parquet.", show_default="2025-01-01"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of what is drawn.", show_default="11")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy pictures instead of linking them.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything and say what would be written; write nothing.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Write a public data set as files of the input contract, which ingest reads."""
    chosen = {
        "negatives": negatives,
        "sampling": sampling,
        "at_most": at_most,
        "posters": posters,
        "posters_by": posters_by,
        "first_day": _given(first_day),
        "seed": seed,
    }
    with errors_explained(debug):
        from jobs.ingest.importers.output import staging_of
        from jobs.ingest.importers.registry import open_data_set
        from jobs.ingest.importers.run import run_import, survey
        from jobs.lock import only_one

        given = {key: value for key, value in chosen.items() if value is not None}
        data, options = open_data_set(name, folder, given | ({"copy": True} if copy else {}))
        about = data.about
        for line in (
            about.title,
            f"Read as: {about.release}.",
            f"Licence: {about.licence}.",
            f"Cite: {about.citation}.",
        ):
            typer.echo(line)
        if dry_run:
            _show_import(survey(data, options, typer.echo), f"{out} would hold")
        else:
            with only_one(staging_of(out.absolute())):
                outcome = run_import(name, data, options, out.absolute(), typer.echo)
            _show_import(outcome, f"{out} holds")
            if any(tally.quarantined for tally in (outcome.items, outcome.covers, outcome.log)):
                typer.echo(f"Refused rows: {out}/quarantine")
            ds = outcome.days[-1]
            typer.echo(f"Next: coverlift ingest --ds {ds} -o ingest.source=files -o ingest.input={out.absolute()}")
        typer.echo(f"What it cannot show: {about.cannot}")


def _show_import(outcome: "Outcome", holds: str) -> None:
    """The balance of an import, and the command that reads it."""
    for line in outcome.lines():
        typer.echo(line)
    counted = ", ".join(f"{rows:,} {name}" for name, rows in outcome.rows.items())
    days = f"{len(outcome.days):,} days, {outcome.days[0]} to {outcome.days[-1]}" if outcome.days else "no days"
    typer.echo(f"{holds} {counted}; {days}")


def doctor(
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    memory: Annotated[
        bool, typer.Option("--plan-memory", help="Work out what painters over other checkpoints need, and stop there.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Say what a night needs, what of it is missing and how to mend that."""
    with errors_explained(debug):
        from jobs.doctor import examine, healthy, show

        context = make_context(None, home, config, profile, override)
        if memory:
            _show_memory(context.settings)
            return
        findings = examine(context.settings, context.home)
        show(findings, make_console())
        if not healthy(findings):
            raise typer.Exit(2)


def _show_memory(settings: "Settings") -> None:
    from diffusers.utils import logging
    from rich.table import Table

    from generation.personalization.pipeline.memory import GIB, plan_memory, table, total_bytes

    logging.set_verbosity_error()  # that a network without memory has no safety checker
    parts = plan_memory(settings, gpu=settings.generation.instance_kind == "KIND_GPU")
    if not parts:
        typer.echo("The built-in generator needs less than 1 GiB: there is nothing to plan.")
        return
    grid = Table("method", "network", "parameters", "weights", "largest layer")
    for row in table(parts):
        grid.add_row(*row)
    make_console().print(grid)
    batch, canvas = settings.generation.max_batch, ", ".join(settings.generation.canvas)
    typer.echo(
        f"{total_bytes(parts) / GIB:.1f} GiB for an instance at batches of {batch} and the canvas {canvas}: all "
        "weights and the largest layer, worked out and not measured. Leave a quarter free."
    )


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
    app.command("import")(import_data)
