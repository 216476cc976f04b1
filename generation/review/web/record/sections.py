"""The form of a record: sections that are lists of facts or tables; both files are written from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names with their values."""

    title: str
    rows: Sequence[tuple[str, Value]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    empty: str = "None."
    """What is said where there are no rows."""


Section: TypeAlias = Facts | Rows


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known about a cover."""

    heading: str
    """The title of its item, whole."""
    original: bytes | None
    """The pictures' files; None where the store has none that is whole."""
    cover: bytes | None
    sections: Sequence[Section]


def text_of(value: Value) -> str:
    """A value as it is written; a number by as many digits as tell it.

    Examples
    --------
    >>> text_of(None), text_of(0.1234567), text_of(12)
    ('', '0.123457', '12')
    """
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
