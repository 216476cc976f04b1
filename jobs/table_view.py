"""Looking at a table: what a row is, its columns with their meaning, versions, partitions and some rows."""

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
from jobs.lake.schema.owners import WRITTEN_BY
from jobs.lake.schema.spec import Column, TableSpec
from jobs.lake.schema.tables import TABLES

SHOWN_VALUES = 3
SHOWN_TEXT = 40


def describe(lake: Lake, table: str, *, ds: date | None, limit: int) -> dict[str, Any]:
    """What ``coverlift inspect`` shows, as plain values.

    Raises
    ------
    UsageError
        When no such table is declared; as MissingTable when it was never written.
    """
    spec = spec_of(table)
    delta = lake.delta(table)
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
        "columns": [_column(column) for column in spec.columns],
        "checks": spec.checks,
        "rows": rows.to_pylist(),
    }


def spec_of(table: str) -> TableSpec:
    """What a table promises.

    Raises
    ------
    UsageError
        When no such table is declared; names the nearest.
    """
    if table not in TABLES:
        near = difflib.get_close_matches(table, TABLES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the tables are {', '.join(sorted(TABLES))}."
        raise UsageError(f"There is no table {table!r}; {hint}")
    return TABLES[table]


def page() -> str:
    """All tables as one page of Markdown: ``docs/tables.md``."""
    lines = [
        "# Tables",
        "",
        "Printed by `coverlift inspect --schema` from [`jobs/lake/schema`](../jobs/lake/schema); a test keeps",
        "the two equal. All are Delta tables below `HOME/lake`. Times are UTC. Where nothing is said of null, a column",
        "is NOT NULL.",
        "",
        "| table | one row is | first written by |",
        "|---|---|---|",
        *(f"| [{name}](#{name}) | {spec.grain} | `{WRITTEN_BY[name]}` |" for name, spec in TABLES.items()),
    ]
    return "\n".join([*lines, *(f"\n{section(spec)}" for spec in TABLES.values())])


def section(spec: TableSpec) -> str:
    """One table as Markdown.

    Examples
    --------
    >>> print(section(TABLES["user_segments"]).splitlines()[2])
    One row is a user x ds. Key: ds, user_id. Partitioned by ds.
    """
    facts = [f"One row is {spec.grain}."]
    if spec.about:
        facts.append(spec.about)
    if spec.keys:
        facts.append(f"Key: {', '.join(spec.keys)}.")
    if spec.partition_by:
        facts.append(f"Partitioned by {', '.join(spec.partition_by)}.")
    rows = [f"| {column.name} | {_kind(column)} | {column.about} | {column.null or ''} |" for column in spec.columns]
    checks = [f"\nConstraints: {', '.join(f'`{check}`' for check in spec.checks.values())}."] if spec.checks else []
    head = [
        f"## {spec.name}",
        "",
        " ".join(facts),
        "",
        "| column | type | what it holds | null means |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, *checks])


def _column(column: Column) -> dict[str, Any]:
    kind = f"{column.type}{'' if column.null else ' not null'}"
    return {"name": column.name, "type": kind, "about": column.about, "null": column.null}


def _kind(column: Column) -> str:
    return str(column.type).replace("item: ", "")


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
    columns = Table("column", "type", "about", title="columns", title_justify="left")
    for column in found["columns"]:
        absent = f" Null: {column['null']}." if column["null"] else ""
        columns.add_row(column["name"], escape(column["type"]), escape(f"{column['about']}.{absent}"))
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
