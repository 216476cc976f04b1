"""Commands whose options are a dataclass in the module that does the work.

That module is heavy, so it is imported only when its command runs or shows its own help.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from conf.command_line import Option, built, options_of
from jobs.cli.app import (
    HOME,
    ConfigOption,
    DayOption,
    DebugOption,
    HomeOption,
    OverrideOption,
    ProfileOption,
    errors_explained,
    make_context,
)
from jobs.stages import resolve

NIGHT = {
    "day": (DayOption, None),
    "home": (HomeOption, HOME),
    "config": (ConfigOption, None),
    "profile": (ProfileOption, None),
    "overrides": (OverrideOption, None),
}
"""Options that name a night: parameter of :func:`make_context` -> its annotation and default."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A command, as data."""

    name: str
    function: str
    """``module:function`` taking ``options``, a frozen dataclass; or ``ctx``, the context of a night, and that."""
    about: str
    """One line for ``--help``."""


def add_programs(app: typer.Typer, programs: tuple[Program, ...]) -> None:
    """Add commands that are imported when they are called."""
    for program in programs:
        app.command(program.name, cls=_lazy(program), help=program.about)(lambda: None)


def _lazy(program: Program) -> type[TyperCommand]:
    class Lazy(TyperCommand):
        """Stands for the command until it is called."""

        def real(self) -> TyperCommand:
            """The command with its options; imports what runs it."""
            one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
            one.command(program.name, help=program.about)(run_program(resolve(program.function)))
            command = typer.main.get_command(one)
            assert isinstance(command, TyperCommand)
            return command

        def make_context(self, *args: Any, **kwargs: Any) -> Any:
            """That of the real command, which is called and shows its help from there on."""
            return self.real().make_context(*args, **kwargs)

    return Lazy


def run_program(function: Callable[..., None]) -> Callable[..., None]:
    """A function with one parameter for each option, as Typer wants it."""
    kind, over_night = get_type_hints(function)["options"], "ctx" in inspect.signature(function).parameters
    options = list(options_of(kind))

    def command(debug: bool = False, **given: Any) -> None:
        with errors_explained(debug):
            night = [make_context(**{name: given.pop(name) for name in NIGHT})] if over_night else []
            values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
            function(*night, built(kind, values))

    annotated = {option.name: _annotated(option) for option in options}
    annotated |= NIGHT if over_night else {}
    annotated["debug"] = (DebugOption, False)
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in annotated.items()
        ]
    )
    command.__annotations__ = {name: annotation for name, (annotation, _) in annotated.items()}
    return command


def _annotated(option: Option) -> tuple[Any, Any]:
    """Typer's annotation and default; several values of one option are given one by one."""
    kind, default = option.kind, option.default
    several = get_origin(kind) is tuple
    if several:
        kind, default = list[get_args(kind)[0]], default if default is MISSING else list(default)  # type: ignore[misc]
    words = option.about.replace("[", r"\[") + (" May be repeated." if several else "")
    told = typer.Option(option.flag, help=words.strip() or None)
    return Annotated[kind, told], inspect.Parameter.empty if default is MISSING else default
