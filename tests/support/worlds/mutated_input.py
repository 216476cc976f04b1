"""Small feeds as hypothesis spoils them: cells, columns, types, encodings, bytes, names and places of files."""

import csv
import gzip
import io
import json
import re
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from tests.support.worlds.small_input import DS, as_cell, as_table, png, sha

PICTURE = png("red", (3, 3))
FORMS = ("csv", "jsonl", "parquet")
SOURCES = ("items", "covers", "impressions")

TEXTS = (
    "", " ", "\t", "\0", "\u2028", "\ufeff", "\x85", "\x0b", '"', '""', '"a', "a,b", "a\nb", "a\rb", "a\\", "'",
    "`", "null", "NaN", "Infinity", "-Infinity", "1e400", "-0", "9" * 50, "2147483648", "7.0", "7.5", "0x1",
    "1_000", "１", "٣", "true", "TRUE", "yes", "[", "{", "[1,2]", '{"a": 1}', '{"en": ["a", 1]}', "a|b||",
    "2026-03-05", f"{DS}T24:00:00Z", f"{DS}T10:00:00", f"{DS}T10:00:00.123456789+23:59", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "=1+1", "\U0001f98a", "../x.png", "/etc/passwd", "s3://b/x", "a/" * 300,
    "nul\0.png", "x" * 20_000, "0" * 64, "\u202e", "e\u0301",
)  # fmt: skip
"""What stands in a cell where something else is expected."""
JSON_VALUES = (*TEXTS, None, True, -1, 0, 2**70, 1e308, [], [None], [[1]], {}, {"en": None}, {"en": ["a"]}, "\ud800")
NAMES = (
    "_corrupt", "_corrupt_", "_value", "_parts", "_bad", "_line", "_metadata", "ds", "value", "a`b", "a.b", "a b", " ",
    "USER_ID", "Item_Id", "item_id", "data", "\u0130", "x" * 300, "a'b", "a;b", "a\\b", "é",
)  # fmt: skip
"""What a column is called beside or instead of the contract's; a feed that names one twice is refused."""
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "shift_jis", "cp037")
FOLDERS = (
    "hour=03", "hour=03/minute=1", "a b", "ds=2026-03-04", "ds=2026-13-01", "item_id=i1", "é", "%41", "a%20b", "a[1]",
    "a*", "{a,b}", "a?b", "a#b", "a:b", "a\\b", "x=__HIVE_DEFAULT_PARTITION__",
)  # fmt: skip
"""Below the folder of a source or day."""
DAYS = ("ds=2026-02-30", "ds=2026-3-5", "ds=", "ds", "DS=2026-03-05", "ds=2026-03-05 ", "ds=2026-03-04", "hour=1")
FILES = ("_SUCCESS", ".part.crc", "readme.txt", "part.csv.gz", "part", "part.CSV", "empty.{form}")

N = 2
"""Values of a column of another type."""
ARRAYS = {
    "null": pa.nulls(N),
    "bool": pa.array([True, None]),
    "int8": pa.array([-1, 1], pa.int8()),
    "int64": pa.array([2**63 - 1, 0]),
    "uint32": pa.array([2**32 - 1, 1], pa.uint32()),
    "uint64": pa.array([2**64 - 1, 1], pa.uint64()),
    "float16": pa.array([1.0, None], pa.float16()),
    "float32": pa.array([float("nan"), 1.5], pa.float32()),
    "float64": pa.array([float("inf"), 3.0]),
    "decimal": pa.array([Decimal("1.50"), Decimal(1)], pa.decimal128(38, 10)),
    "wide decimal": pa.array([Decimal(1), None], pa.decimal256(60, 2)),
    "date32": pa.array([date(1, 1, 1), date(9999, 12, 31)], pa.date32()),
    "date64": pa.array([date(2026, 3, 5), None], pa.date64()),
    "time32": pa.array([time(3), None], pa.time32("s")),
    "time64": pa.array([time(3), None], pa.time64("us")),
    "seconds": pa.array([0, 2**40], pa.timestamp("s")),
    "milliseconds": pa.array([-(2**50), 0], pa.timestamp("ms", tz="+02:00")),
    "microseconds": pa.array([2**62, -(2**62)], pa.timestamp("us", tz="UTC")),
    "nanoseconds": pa.array([2**63 - 1, -(2**62)], pa.timestamp("ns")),
    "duration": pa.array([timedelta(1), None], pa.duration("ms")),
    "large string": pa.array(["a", None], pa.large_string()),
    "string view": pa.array(["a", None], pa.string_view()),
    "binary": pa.array([b"\xff\x00", None], pa.binary()),
    "fixed binary": pa.array([b"0" * 16, None], pa.binary(16)),
    "dictionary": pa.array(["a", "b"]).dictionary_encode(),
    "list": pa.array([["a"], []]),
    "list of numbers": pa.array([[1], None]),
    "list of nothing": pa.array([[None], []], pa.list_(pa.null())),
    "fixed list": pa.array([[1, 2], None], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"en": "x", "de": None}, None]),
    "odd struct": pa.array([{"a`b": time(1), "A`B": 1}, None]),
    "map": pa.array([[("en", "x")], None], pa.map_(pa.string(), pa.string())),
    "map of lists": pa.array([[("en", ["x"])], None], pa.map_(pa.string(), pa.list_(pa.string()))),
    "map of numbers": pa.array([[(1, time(1))], None], pa.map_(pa.int64(), pa.time64("us"))),
    "list of structs": pa.array([[{"a": 1}], None]),
}
"""Columns of every type that Parquet files have, at their extremes."""


@dataclass
class Mutated:
    """A feed and what is done to it, before it is on disk."""

    form: str
    number: int
    """In its ids, of fixed width, so that bytes are spoiled at the same places."""
    cells: list = field(default_factory=list)
    """(source, row, column, value)"""
    columns: list = field(default_factory=list)
    """(source, action, column, name or type)"""
    bytes_: list = field(default_factory=list)
    """(source, action, place, data)"""
    places: list = field(default_factory=list)
    """(source, action, name)"""

    def rows(self) -> dict[str, list[dict]]:
        """Rows of the three sources, their cells spoiled."""
        item, cover = f"i{self.number:05d}", sha(PICTURE)
        items = [{"item_id": item, "title": "t", "category": "c", "created_at": "2026-01-01T00:00:00Z", "tags": ["a"]}]
        covers = [{"cover_id": cover, "item_id": item, "is_default": True, "path": "red.png"}]
        impression = {
            "request_id": "r", "ts": f"{DS}T10:00:00.25Z", "user_id": "u", "item_id": item, "cover_id": cover,
            "position": 1, "clicked": True, "dwell_ms": 5, "propensity": 0.5,
        }  # fmt: skip
        shown = [{"impression_id": f"{self.number:05d}-{place}", **impression} for place in range(N)]
        found = {"items": items, "covers": covers, "impressions": shown}
        for source, row, column, value in self.cells:
            names = list(found[source][0])
            found[source][row % len(found[source])][names[column % len(names)]] = value
        return found

    def write(self, root: Path, name: str = "part-0") -> dict[str, int]:
        """Write the feed; returns the rows of each text file or whole Parquet file, by its path below ``root``."""
        counts = {}
        for source, rows in self.rows().items():
            day = {action: made for where, action, made in self.places if where == source}
            folder = root / source
            if source == "impressions":
                folder /= day.get("day", f"ds={DS}")
            path = folder / day.get("folder", "") / f"{name}.{self.form}"
            data = self.spoiled(source, self.rendered(source, rows))
            if "missing" in day:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            if "file" in day:
                (folder / day["file"].format(form=self.form)).write_bytes(b"")
            if "link" in day:
                (folder / "link").symlink_to(day["link"])
            counts[str(path.relative_to(root))] = len(rows) if self.form == "parquet" else lines_of(data, self.form)
        files = root / "covers" / "files"
        files.mkdir(parents=True, exist_ok=True)
        (files / "red.png").write_bytes(PICTURE)
        return counts

    def rendered(self, source: str, rows: list[dict]) -> bytes:
        """A file of the feed's format, its columns spoiled."""
        if self.form == "parquet":
            return self._parquet(source, rows)
        names = {name: name for name in dict.fromkeys(key for row in rows for key in row)}
        more = []
        for _, action, column, name in (each for each in self.columns if each[0] == source):
            old = list(names)[column % len(names)]
            if action == "rename":
                names[old] = name
            elif action == "add":
                more.append(name)
            elif len(names) > 1:
                del names[old]
        if self.form == "jsonl":
            dumped = [{new: row.get(old) for old, new in names.items()} | dict.fromkeys(more, "x") for row in rows]
            return "".join(json.dumps(row) + "\n" for row in dumped).encode()
        target = io.StringIO()
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*names.values(), *more])
        writer.writerows([*(as_cell(row.get(old)) for old in names), *("x" for _ in more)] for row in rows)
        return target.getvalue().encode("utf-8", "surrogatepass")

    def _parquet(self, source: str, rows: list[dict]) -> bytes:
        try:
            table = as_table(rows)
        except (pa.ArrowException, ValueError, OverflowError, UnicodeError):  # a mix that no writer writes
            table = pa.Table.from_pylist([{key: str(value) for key, value in row.items()} for row in rows])
        for _, action, column, made in (each for each in self.columns if each[0] == source):
            place = column % table.num_columns
            if action == "drop" and table.num_columns > 1:
                table = table.remove_column(place)
            elif action == "rename":
                table = table.rename_columns([made if n == place else old for n, old in enumerate(table.column_names)])
            elif action == "add":
                table = table.append_column(made, pa.array(["x"] * table.num_rows))
            elif action == "type":
                table = table.set_column(place, table.column_names[place], ARRAYS[made].slice(0, table.num_rows))
        target = io.BytesIO()
        pq.write_table(table, target)
        return target.getvalue()

    def spoiled(self, source: str, data: bytes) -> bytes:
        """The file's bytes, changed."""
        for _, action, place, made in (each for each in self.bytes_ if each[0] == source):
            at = place % (len(data) + 1)
            if action == "encode" and self.form != "parquet":
                data = data.decode("utf-8", "replace").encode(made, "replace")
            elif action == "overwrite":
                data = data[:at] + made + data[at + len(made) :]
            elif action == "insert":
                data = data[:at] + made + data[at:]
            elif action == "cut":
                data = data[:at]
            elif action == "repeat":
                data += data
            elif action == "gzip":
                data = gzip.compress(data)
            elif action == "breaks":
                data = data.replace(b"\n", made)
        return data


def lines_of(data: bytes, form: str) -> int:
    """Rows of a text file by another implementation than ours: lines that are neither blank nor the header."""
    lines = re.split(rb"\r\n|\r|\n", data)
    bom = "\ufeff".encode()
    header = lines[0].removeprefix(bom)
    kept = [line for line in lines if line.removeprefix(bom).strip(b" ")]
    return sum(form == "jsonl" or line.removeprefix(bom) != header for line in kept)


def mutated(form: str, *, damage: bool = True) -> st.SearchStrategy[Mutated]:
    """Feeds of a format with one to four things done to them; without ``damage`` no bytes of Parquet files change."""
    source, place = st.sampled_from(SOURCES), st.integers(0, 400)
    values = st.sampled_from(JSON_VALUES if form == "jsonl" else TEXTS)
    cells = st.tuples(source, st.integers(0, 1), place, values)
    made = {"rename": NAMES, "add": NAMES, "drop": ("",)}
    if form == "parquet":
        made["type"] = tuple(ARRAYS)
    columns = st.one_of(
        st.tuples(source, st.just(action), place, st.sampled_from(names)) for action, names in made.items()
    )
    junk = st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from((b"\0", b"\xff" * 40, b"\r", b"\n\n", b'"')))
    spoilings = [st.tuples(source, st.sampled_from(("overwrite", "insert")), place, junk)]
    spoilings += [st.tuples(source, st.sampled_from(("cut", "repeat", "gzip")), place, st.just(b""))]
    if form != "parquet":
        spoilings += [st.tuples(source, st.just("encode"), place, st.sampled_from(ENCODINGS))]
        spoilings += [st.tuples(source, st.just("breaks"), place, st.sampled_from((b"\r", b"\r\n", b"\n \n", b"\n\n")))]
    bytes_ = st.lists(st.one_of(spoilings), max_size=1 if damage or form != "parquet" else 0)
    folders = st.tuples(source, st.just("folder"), st.sampled_from(FOLDERS))
    days = st.tuples(st.just("impressions"), st.just("day"), st.sampled_from(DAYS))
    files = st.tuples(source, st.just("file"), st.sampled_from(FILES))
    links = st.tuples(source, st.just("link"), st.sampled_from((".", "link", "nowhere", "/dev/null")))
    missing = st.tuples(source, st.just("missing"), st.just(""))
    places = st.one_of(folders, folders, days, files, links, missing)
    return st.builds(
        Mutated,
        form=st.just(form),
        number=st.just(0),
        cells=st.lists(cells, max_size=2),
        columns=st.lists(columns, max_size=1),
        bytes_=bytes_,
        places=st.lists(places, max_size=1),
    )
