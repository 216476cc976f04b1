"""The input contract in the Open Data Contract Standard, for catalogues and other machines.

Source: https://bitol-io.github.io/open-data-contract-standard/v3.1.0/
"""

from typing import Any

import yaml

from jobs.ingest.contract import COVERS, IMPRESSIONS, ITEMS, REASONS, Field, Kind, Source

VERSION = "1.0.0"
"""Of the contract; the first number changes where a feed of before would be refused."""
TYPES: dict[Kind, tuple[str, str]] = {
    "string": ("string", "string"),
    "timestamp": ("timestamp", "timestamp, UTC"),
    "int": ("integer", "int32"),
    "long": ("integer", "int64"),
    "double": ("number", "float64"),
    "bool": ("boolean", "bool"),
    "strings": ("array", "list<string>"),
    "binary": ("string", "binary"),
    "text by language": ("object", "map<string, string>"),
    "words by language": ("object", "map<string, list<string>>"),
}
"""Kind -> logical and physical type."""
PLACES = {"impressions": "impressions/ds=YYYY-MM-DD/", "items": "items/", "covers": "covers/"}


def document() -> dict[str, Any]:
    """The contract as the standard's document."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "coverlift-input",
        "name": "Input of Coverlift",
        "version": VERSION,
        "status": "active",
        "description": {
            "purpose": "Logs, items and covers that `coverlift ingest` reads.",
            "usage": "A row that breaks a rule is put into quarantine with every rule that it breaks; none is lost.",
        },
        "schema": [_table(source) for source in (IMPRESSIONS, ITEMS, COVERS)],
        "customProperties": [{"property": f"quarantine.{name}", "value": REASONS[name]} for name in sorted(REASONS)],
    }


def _table(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "physicalName": PLACES[source.name],
        "physicalType": "folder of Parquet, CSV or JSON Lines files",
        "logicalType": "object",
        "properties": [_column(each, source) for each in source.fields],
    }


def _column(field: Field, source: Source) -> dict[str, Any]:
    logical, physical = TYPES[field.kind]
    column: dict[str, Any] = {
        "name": field.name,
        "logicalType": logical,
        "physicalType": physical,
        "required": field.required,
    }
    if logical == "array":
        column["items"] = {"logicalType": "string", "physicalType": "string"}
    if field.name in source.key:
        column |= {"primaryKey": True, "primaryKeyPosition": source.key.index(field.name) + 1}
    return column


def as_yaml() -> str:
    """The document as YAML."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
