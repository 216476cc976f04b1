"""What a table promises: its grain, its columns with their meaning, partitions, keys and constraints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Examples
    --------
    >>> Column(name="dwell_ms", type=pa.int64(), about="time on the item, ms", null="not logged").field
    pyarrow.Field<dwell_ms: int64>
    """

    name: str
    type: pa.DataType
    about: str
    """What a value is: unit, range, and how it came about."""
    null: str | None = None
    """What null means; a column without it is NOT NULL."""

    @property
    def field(self) -> pa.Field:
        """The Arrow field."""
        return pa.field(self.name, self.type, nullable=self.null is not None)


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table of the lake."""

    name: str
    grain: str
    """What one row is."""
    about: str = ""
    """What else its reader should know."""
    columns: Sequence[Column]
    partition_by: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Columns that identify a row; merges use them."""
    checks: dict[str, str] = field(default_factory=dict)
    """Constraint name -> SQL condition. A condition that changes needs a new name: tables with the old one follow."""

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, the one definition that the Spark writer and the Arrow reader share."""
        return pa.schema([column.field for column in self.columns])
