"""A small hand-made input in any of the three formats."""

import csv
import hashlib
import io
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

DS = "2026-03-05"


def png(colour: str, size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class SmallInput:
    """Three items with one or two covers each; rows are plain dictionaries that tests change."""

    def __init__(self, root: Path, form: str) -> None:
        self.root, self.form = root, form
        self.pictures = {name: png(name) for name in ("red", "green", "blue", "white")}
        self.items = [
            {
                "item_id": f"i{number}",
                "title": f"Item, number {number}",
                "category": "things",
                "tags": ["round", 'so "called"'],
                "created_at": "2026-01-01T00:00:00Z",
                "labels": {"en": f"item {number}", "de": f"Ding {number}"},
                "words": {"en": ["round", "red|blue"]},
            }
            for number in (1, 2, 3)
        ]
        owners = {"red": "i1", "green": "i1", "blue": "i2", "white": "i3"}
        self.covers = [
            self.cover(owner, data=self.pictures[name], is_default=name != "green") for name, owner in owners.items()
        ]

    def cover(
        self, item_id: str, *, data: bytes, is_default: bool, path: str | None = None, cover_id: str | None = None
    ):
        name = path or f"{sha(data)}.png"
        if path is None:
            target = self.root / "covers" / "files" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return {"cover_id": cover_id or sha(data), "item_id": item_id, "is_default": is_default, "path": name}

    def id_of(self, colour: str) -> str:
        return sha(self.pictures[colour])

    def impression(self, number: int, ds: str = DS, **changes):
        colour, item = [("red", "i1"), ("green", "i1"), ("blue", "i2"), ("white", "i3")][number % 4]
        row = {
            "impression_id": f"{ds}-{number}",
            "request_id": f"{ds}-r{number // 4}",
            "ts": f"{ds}T10:{number % 60:02d}:00.250000Z",
            "user_id": f"u{number % 5}",
            "item_id": item,
            "cover_id": self.id_of(colour),
            "position": number % 4 + 1,
            "clicked": number % 3 == 0,
            "title": 'He said "hi", then left',
            "dwell_ms": 900 if number % 3 == 0 else None,
            "propensity": 0.5,
            "policy": "rank",
        }
        return row | changes

    def write_catalogue(self) -> None:
        self.write("items", self.items)
        self.write("covers", self.covers)

    def write_day(self, rows: list, ds: str = DS, name: str = "part-0") -> None:
        self.write(f"impressions/ds={ds}", rows, name)

    def write(self, folder: str, rows: list, name: str = "part-0") -> None:
        path = self.root / folder / f"{name}.{self.form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.form == "jsonl":
            path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        elif self.form == "csv":
            self._write_csv(path, rows)
        else:
            pq.write_table(as_table(rows), path)

    def _write_csv(self, path: Path, rows: list) -> None:
        names = list(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            if isinstance(row, str):
                buffer.write(row + "\n")
            else:
                writer.writerow([as_cell(row.get(name)) for name in names])
        path.write_text(buffer.getvalue())


def as_cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return json.dumps(value)
    return "|".join(value) if isinstance(value, list) else value


def as_table(rows: list[dict]) -> pa.Table:
    """Typed as a careful writer would: timestamps as such, text where a column mixes types."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name in ("ts", "created_at") and all(v is None or len(v) > 19 for v in values):
            values = [None if v is None else datetime.fromisoformat(v) for v in values]
            columns[name] = pa.array(values, pa.timestamp("us", tz="UTC"))
            continue
        kinds = {type(value) for value in values if value is not None}
        mixed = len(kinds) > 1 and kinds != {int, float}
        columns[name] = pa.array([None if v is None else str(as_cell(v)) for v in values] if mixed else values)
    return pa.table(columns)
