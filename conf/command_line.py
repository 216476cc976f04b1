"""A command's options as a frozen dataclass: the one place of their names, defaults and words.

The command line is built from it (:mod:`jobs.cli.programs`), and a manifest tells with it what
made the file beside it.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

OptionsT = TypeVar("OptionsT")

PLACES_AND_TIME = frozenset({"bends", "cache", "date", "minutes", "out", "threads", "work"})
"""Options that decide no weights."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a dataclass of options."""

    name: str
    """Of the field, unique in the command."""
    kind: Any
    """Its annotation."""
    default: Any
    """``dataclasses.MISSING`` where it must be given."""
    about: str
    """The docstring under the field; empty without one."""

    @property
    def flag(self) -> str:
        """As it is typed: ``--learning-rate``."""
        return "--" + self.name.replace("_", "-")


def options_of(kind: type, defaults: Any = None) -> Iterator[Option]:
    """Options of a dataclass, a field that is a dataclass itself opened in its place.

    A field may leave out options of its dataclass by ``metadata={"fixed": (names)}``: they keep its default's values.

    Parameters
    ----------
    kind
        A dataclass.
    defaults
        An instance whose values are the defaults, in place of the class's.
    """
    hints, abouts = get_type_hints(kind), _docstrings(kind)
    for field in fields(kind):
        default = field.default if defaults is None else getattr(defaults, field.name)
        if is_dataclass(hints[field.name]):
            fixed = field.metadata.get("fixed", ())
            inner: type = hints[field.name]
            yield from (option for option in options_of(inner, default) if option.name not in fixed)
            continue
        yield Option(name=field.name, kind=hints[field.name], default=default, about=abouts.get(field.name, ""))


def built(kind: type[OptionsT], given: dict[str, Any], defaults: Any = None) -> OptionsT:
    """An instance of the dataclass with the values of :func:`options_of`; what is not given keeps its default."""
    hints, values = get_type_hints(kind), {}
    for field in fields(kind):  # type: ignore[arg-type]
        default = field.default if defaults is None else getattr(defaults, field.name)
        if is_dataclass(hints[field.name]):
            values[field.name] = built(hints[field.name], given, default)
        elif field.name in given:
            values[field.name] = given[field.name]
        elif default is not MISSING:
            values[field.name] = default
    return kind(**values)


def told(command: str, options: Any, *, leave_out: frozenset[str] = PLACES_AND_TIME) -> str:
    """The command with every option that differs from its default; a path by its name alone.

    Several values of one option are told one by one: ``--readers a --readers b``.
    """
    values = dict(_values(options))
    parts = [command]
    for option in options_of(type(options)):
        value = values[option.name]
        if value == option.default or option.name in leave_out:
            continue
        several = value if isinstance(value, tuple) else (value,)
        parts += [option.flag if each is True else f"{option.flag} {_without_folder(each)}" for each in several]
    return " ".join(parts)


def _without_folder(value: Any) -> Any:
    return value.name if isinstance(value, Path) else value


def _values(options: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(options):
        value = getattr(options, field.name)
        if is_dataclass(value):
            yield from _values(value)
        else:
            yield field.name, value


def _docstrings(kind: type) -> dict[str, str]:
    """Field -> the docstring under it, of the class and those that it derives from."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if not is_dataclass(each):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found |= _docstring(statement.target.id, below)
    return found


def _docstring(name: str, below: ast.stmt) -> dict[str, str]:
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
        return {name: " ".join(inspect.cleandoc(below.value.value).replace("``", "").split())}
    return {}
