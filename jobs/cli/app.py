"""What the groups of the command line share: common options, settings from them, errors as exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from typer.core import TyperGroup

    from jobs.lake.context import Context

EPILOG = (
    "Exit codes: 0 done; 2 wrong usage or settings; 3 the input breaks its contract; "
    "4 a quality gate said no; 75 try again later; 99 nothing to do."
)
HOME = Path("var")


class LogFormat(StrEnum):
    """How a night tells what it does."""

    TEXT = "text"
    JSON = "json"


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
        "--profile",
        envvar="COVERLIFT_PROFILE",
        help="local, test, cluster, or one of icg-, pigeon-, dppmg- and pipeline-production.",
        show_default="local",
    ),
]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option("-o", "--override", metavar="SECTION.KEY=VALUE", help="One setting; may be repeated."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; change nothing.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Run even what is up to date.")]
JsonOption = Annotated[bool, typer.Option("--json", help="With --dry-run: print JSON.")]
JsonListOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogFormatOption = Annotated[
    LogFormat, typer.Option("--log-format", envvar="COVERLIFT_LOG_FORMAT", help="JSON is an object a line.")
]


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
    from generation.personalization.methods import check_methods, with_what_methods_need
    from jobs.lake.context import Context

    settings = load_settings(profile=profile, config=config, overrides=overrides or [])
    check_methods(settings.generation)
    settings = with_what_methods_need(settings)
    return Context(ds=day.date() if day else settings.ds, home=home.absolute(), settings=settings)


def make_console() -> "Console":
    """Where results go: standard output."""
    from rich.console import Console

    return Console(highlight=False)


def make_app(about: str, cls: "type[TyperGroup] | None" = None, *, needs_subcommand: bool = True) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        cls=cls,
        help=about,
        epilog=EPILOG,
        no_args_is_help=needs_subcommand,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
