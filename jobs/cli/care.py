"""Commands for a home that runs every night: its care, and handing its nights to others."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.app import (
    HOME,
    ConfigOption,
    DayOption,
    DebugOption,
    HomeOption,
    JsonListOption,
    OverrideOption,
    ProfileOption,
    errors_explained,
    make_app,
    make_console,
    make_context,
)

if TYPE_CHECKING:
    from jobs.lake.context import Context
    from jobs.maintenance.removed import Removed


def maintain(
    keep_days: Annotated[
        float | None,
        typer.Option(
            "--keep-days",
            min=1,
            help="Days for which old versions of tables stay.",
            show_default="settings.maintain.version_days",
        ),
    ] = None,
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    as_json: JsonListOption = False,
    debug: DebugOption = False,
) -> None:
    """Join small files, remove old versions, pictures that nothing names, old logs and notices."""
    with errors_explained(debug):
        from jobs.maintenance.removed import as_data, show

        kept = [] if keep_days is None else [f"maintain.version_days={keep_days}"]
        context = make_context(day, home, config, profile, [*(override or []), *kept])
        removed = maintain_home(context, dry_run=dry_run)
        if as_json:
            told = as_data(removed, ds=context.ds.isoformat(), home=str(context.home), dry_run=dry_run)
            typer.echo(json.dumps(told))
        else:
            show(removed, make_console(), dry_run=dry_run)


def maintain_home(context: "Context", *, dry_run: bool) -> list["Removed"]:
    """Care for a home that exists, under its lock; a dry run changes nothing, and so takes none.

    Raises
    ------
    UsageError
        When there is no such home.
    """
    from jobs.lock import only_one
    from jobs.maintenance.run import maintain as care

    require_home(context)
    now = datetime.now(UTC)
    if dry_run:
        return care(context, now, dry_run=True)
    with only_one(context.home):
        return care(context, now)


def require_home(context: "Context") -> None:
    """Refuse a home that there is not: nothing is to be made of a mistyped name.

    Raises
    ------
    UsageError
        When there is no such home.
    """
    from conf.errors import UsageError

    if not context.home.is_dir():
        raise UsageError(f"There is no home {context.home}: name one with --home.")


def forget(
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="Ids, as the log has them.")],
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    as_json: JsonListOption = False,
    debug: DebugOption = False,
) -> None:
    """Take users out of all tables, with every old version of these; models and files that know them are named.

    Old versions go at once, whatever settings.maintain.version_days says: nobody can read or restore them afterwards.
    Ingest leaves the users' rows out from then on. Stays, and is named: models, counts and means, files that hold
    an id in clear. Pictures painted for a single user, and malformed input lines that come later, are not found.
    """
    with errors_explained(debug):
        from jobs.lock import only_one
        from jobs.maintenance.forget import as_data, show
        from jobs.maintenance.forget import forget as take_out

        context, now = make_context(None, home, config, profile, override), datetime.now(UTC)
        require_home(context)
        chosen = sorted(set(users))
        if dry_run:
            outcome = take_out(context, chosen, now, dry_run=True)
        else:
            with only_one(context.home):
                outcome = take_out(context, chosen, now)
        if as_json:
            typer.echo(json.dumps(as_data(outcome, home=str(context.home), dry_run=dry_run)))
        else:
            show(outcome, make_console(), dry_run=dry_run)


def mlflow(
    tracking_uri: Annotated[
        str,
        typer.Option(
            "--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="Address of the server, http:// or https://."
        ),
    ],
    experiment: Annotated[str, typer.Option("--experiment", help="Where the runs go.")] = "coverlift",
    model: Annotated[str, typer.Option("--model", help="Name of the registered model.")] = "coverlift-reward",
    day: DayOption = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    debug: DebugOption = False,
) -> None:
    """Bring a night's runs, figures and settings to MLflow, and its reward model as champion."""
    with errors_explained(debug):
        from jobs.export.client import Tracking
        from jobs.export.mlflow import export_night
        from jobs.lock import only_one

        context = make_context(day, home, config, profile, override)
        require_home(context)
        with only_one(context.home):
            tracking, now = Tracking(tracking_uri), datetime.now(UTC)
            done = export_night(context, tracking, experiment=experiment, model=model, now=now)
        typer.echo(f"Night {context.ds}: run {done.run_id}, {done.stages} stages, {done.figures} figures.")
        if done.model_version is None:
            typer.echo("The night has no reward model.")
        else:
            leads = "champion" if done.is_champion else "not champion: a later night's is"
            typer.echo(f"Reward model {model}, version {done.model_version}: {leads}.")


export = make_app("Hand a finished night to other systems.")
export.command()(mlflow)


def add_commands(app: typer.Typer) -> None:
    """Add them to the command."""
    app.command()(maintain)
    app.command()(forget)
    app.add_typer(export, name="export")
