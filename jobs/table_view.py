"""Looking at a table: what a row is, its columns, versions, partitions and some rows."""

import difflib
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conf.errors import UsageError
from jobs.lake.lake import Lake, days_of
from jobs.lake.tables import TABLES

SHOWN_VALUES = 3
SHOWN_TEXT = 40


def describe(lake: Lake, table: str, *, ds: date | None, limit: int) -> dict[str, Any]:
    """What ``coverlift inspect`` shows, as plain values.

    Raises
    ------
    UsageError
        When no such table is declared; as MissingTable when it was never written.
    """
    if table not in TABLES:
        near = difflib.get_close_matches(table, TABLES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the tables are {', '.join(sorted(TABLES))}."
        raise UsageError(f"There is no table {table!r}; {hint}")
    delta = lake.delta(table)
    spec = TABLES[table]
    dataset = lake.dataset(table)
    days = days_of(ds)
    condition = None
    if days is not None and "ds" in spec.schema.names:
        condition = pc.field("ds").isin(days)
    rows = dataset.head(limit, filter=condition, columns=spec.schema.names)
    return {
        "table": table,
        "grain": spec.grain,
        "url": lake.path(table),
        "version": delta.version(),
        "commits": [
            {"version": found.get("version"), "operation": found.get("operation"), "at": found.get("timestamp")}
            for found in delta.history(5)
        ],
        "partitions": [", ".join(f"{key}={value}" for key, value in part.items()) for part in delta.partitions()]
        if spec.partition_by
        else [],
        "count": dataset.count_rows(filter=condition),
        "schema": {field.name: f"{field.type}{'' if field.nullable else ' not null'}" for field in spec.schema},
        "checks": spec.checks,
        "rows": rows.to_pylist(),
    }


def as_json(found: dict[str, Any]) -> str:
    """The description as JSON with whole vectors."""
    return json.dumps(found, default=_plain, indent=2, ensure_ascii=False)


def show(found: dict[str, Any], console: Console) -> None:
    """The description for people: vectors and long texts are abbreviated."""
    console.print(f"[bold]{found['table']}[/]: one row is {found['grain']}", highlight=False)
    console.print(f"{found['url']}  version {found['version']}  {found['count']:,} rows", highlight=False)
    for commit in found["commits"]:
        console.print(f"  [dim]version {commit['version']}: {commit['operation']}[/]", highlight=False)
    if found["partitions"]:
        console.print("partitions: " + ", ".join(_shortened(sorted(found["partitions"]))), highlight=False)
    columns = Table("column", "type", title="columns", title_justify="left")
    for name, kind in found["schema"].items():
        columns.add_row(name, escape(kind))
    console.print(columns)
    for index, row in enumerate(found["rows"]):
        console.print(f"[bold]row {index + 1}[/]")
        for name, value in row.items():
            console.print(f"  {name}: {escape(abbreviated(value))}", highlight=False, soft_wrap=True)


def abbreviated(value: Any) -> str:
    """A value in a few words.

    Examples
    --------
    >>> abbreviated([0.123456, 0.5, 1.0, 2.0])
    '[0.1235, 0.5, 1, ... 4 values]'
    >>> abbreviated("a" * 64)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        parts = [abbreviated(part) for part in value[:SHOWN_VALUES]]
        more = [f"... {len(value)} values"] if len(value) > SHOWN_VALUES else []
        return "[" + ", ".join(parts + more) + "]"
    text = str(value)
    return text if len(text) <= SHOWN_TEXT else text[:SHOWN_TEXT] + "..."


def _shortened(parts: list[str]) -> Iterator[str]:
    if len(parts) <= 2 * SHOWN_VALUES:
        yield from parts
        return
    yield from parts[:SHOWN_VALUES]
    yield f"... {len(parts)} in all ..."
    yield from parts[-SHOWN_VALUES:]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
