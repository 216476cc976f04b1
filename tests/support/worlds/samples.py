"""A valid row for every table, made from its schema."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from jobs.lake.schema.tables import TABLES

DAY = "2026-03-02"
KNOWN: dict[str, Any] = {
    "ds": DAY,
    "as_of": DAY,
    "source": "original",
    "decision": "approve",
    "verdict": "usual",
    "purpose": "publish",
    "status": "done",
    "modality": "visual",
    "failed": [],
    "cover_id": "a" * 64,
    "text_hash": "b" * 64,
    "tags": ["fruit", "red"],
    "labels": [("en", "pizza")],
    "words": [("en", ["food", "slice"])],
    "rewards": [("personal", 0.25), ("nsfw", 0.5)],
    "category_affinity": [("food", 0.75)],
}


def value_of(field: pa.Field) -> Any:
    """A value of the field's type."""
    kind = field.type
    if field.name in KNOWN:
        return KNOWN[field.name]
    if pa.types.is_list(kind):
        return [value_of(kind.value_field)] * 2
    if pa.types.is_struct(kind):
        return {child.name: value_of(child) for child in kind}
    if pa.types.is_map(kind):
        return [("key", 3 if pa.types.is_integer(kind.item_type) else 0.5)]
    if pa.types.is_timestamp(kind):
        return datetime(2026, 3, 2, 23, 59, 59, 123456, tzinfo=UTC)
    if pa.types.is_boolean(kind):
        return True
    if pa.types.is_integer(kind):
        return 7
    return 0.5 if pa.types.is_floating(kind) else f"{field.name}-1"


def sample(table: str, rows: int = 1, **changes: Any) -> pa.Table:
    """Rows of a table; ``changes`` give a value for all rows, or a list with one for each."""
    schema = TABLES[table].schema
    made = [{field.name: value_of(field) for field in schema} for _ in range(rows)]
    for name, value in changes.items():
        for index, row in enumerate(made):
            row[name] = value[index] if isinstance(value, list) and len(value) == rows else value
    return pa.Table.from_pylist(made, schema=pa.schema([field.with_nullable(True) for field in schema]))
