"""Reading Parquet, CSV and JSON lines into one typed frame a source, whatever the files look like.

Files are grouped by what their columns are, each group is read by Spark and brought to the
contract's types, and the groups are put together. Nothing is refused here: a value of a wrong
type becomes null and its row is marked.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Literal

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import ContractError
from jobs.ingest.contract import Source
from jobs.ingest.parsing import SPARK_TYPES, is_exact, parsed

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Format = Literal["parquet", "csv", "jsonl"]

BAD, MALFORMED, LINE, DAY = "_bad", "_malformed", "_line", "ds"
"""Columns beside the contract's: a value had a wrong type; the line could not be parsed; the raw
row as JSON, null where the typed columns say it all; the day of the folder."""

BOM = "\ufeff"
"""Byte order mark, which some programs write first into a CSV file."""

OPENERS = 16
"""Threads that look into files."""


@dataclass(frozen=True, kw_only=True)
class RawInput:
    """The rows of one source before any check."""

    frame: "DataFrame"
    """One row per input row: the contract's columns typed, and ``BAD``, ``MALFORMED``, ``LINE``, ``DAY``.
    Text is cached, so that it is parsed once; Parquet is cheaper read again, column by column."""
    rows: int
    """Input rows, counted apart from the frame."""


@dataclass(frozen=True)
class Group:
    """Files with the same columns."""

    columns: tuple[tuple[str, pa.DataType], ...]
    header: str
    """First line of CSV files."""
    paths: tuple[str, ...]


class InputFolder:
    """A folder with impressions/, items/ and covers/, on any fsspec file system.

    Parameters
    ----------
    url
        Path or URL.
    storage_options
        Passed to fsspec.
    form
        Format of all table files in it.
    """

    def __init__(self, url: str, storage_options: dict[str, str], form: Format) -> None:
        self.url = url
        self.form: Format = form
        self.filesystem, self.root = fsspec.url_to_fs(url, **storage_options)

    def days(self) -> list[str]:
        """Days that have a folder ``impressions/ds=YYYY-MM-DD``, in order.

        Raises
        ------
        ContractError
            A folder's date is none.
        """
        place = f"{self.root}/impressions"
        if not self.filesystem.isdir(place):
            return []
        names = (path.rstrip("/").rpartition("/")[2] for path in self.filesystem.ls(place, detail=False))
        days = sorted(name.removeprefix("ds=") for name in names if name.startswith("ds="))
        for day in days:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
                raise ContractError(f"{place}/ds={day}: name folders of days like ds=2026-03-29.")
        return days

    def files(self, folder: str) -> list[str]:
        """Files of a folder by full path, hidden ones left out.

        Raises
        ------
        ContractError
            A file has another format's suffix.
        """
        place = f"{self.root}/{folder}"
        if not self.filesystem.isdir(place):
            return []
        found = [entry["name"] for entry in self.filesystem.ls(place, detail=True) if entry["type"] == "file"]
        chosen = sorted(path for path in found if path.rpartition("/")[2][0] not in "._")
        strange = [path for path in chosen if not path.endswith(f".{self.form}")]
        if strange:
            raise ContractError(
                f"{strange[0]} is not a .{self.form} file: set ingest.format to the format of the input, "
                "or move other files away (names starting with '.' or '_' are skipped)."
            )
        return chosen

    def spark_path(self, path: str) -> str:
        """URL of a file for Spark, which calls ``s3://`` ``s3a://``."""
        full = str(self.filesystem.unstrip_protocol(path))
        return "s3a" + full[2:] if full.startswith("s3://") else full


def read_source(spark: "SparkSession", folder: InputFolder, source: Source, places: Sequence[str]) -> RawInput | None:
    """All rows of a source.

    Parameters
    ----------
    spark
        The session that reads.
    folder
        The input.
    source
        Its contract.
    places
        Folders below the root that hold its files.

    Returns
    -------
    RawInput or None
        None where there is no file.

    Raises
    ------
    ContractError
        A file cannot be opened, or its columns are named twice.
    """
    paths = [path for place in places for path in folder.files(place)]
    if not paths:
        return None
    if folder.form == "parquet":
        groups, rows = parquet_groups(folder, paths)
        frames = [read_parquet(spark, folder, group, source) for group in groups]
    else:
        groups = csv_groups(folder, paths) if folder.form == "csv" else [Group((), "", tuple(paths))]
        lines = [read_lines(spark, folder, group) for group in groups]
        rows = sum(frame.count() for frame in lines)
        read: Callable[[DataFrame, Group, Source], DataFrame] = read_csv if folder.form == "csv" else read_json
        frames = [read(frame, group, source) for frame, group in zip(lines, groups, strict=True)]
    frame = reduce(lambda a, b: a.unionByName(b), frames)
    return RawInput(frame=frame if folder.form == "parquet" else frame.cache(), rows=rows)


# ---------------------------------------------------------------------------- Parquet


def parquet_groups(folder: InputFolder, paths: list[str]) -> tuple[list[Group], int]:
    """Files by schema, and their rows, from the footers alone.

    Raises
    ------
    ContractError
        A file is no Parquet file.
    """

    def footer(path: str) -> tuple[tuple[tuple[str, pa.DataType], ...], int]:
        try:
            with folder.filesystem.open(path, "rb") as stream:
                file = pq.ParquetFile(stream)
                schema = file.schema_arrow
                return tuple((field.name, field.type) for field in schema), file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise ContractError(
                f"{path} is no readable Parquet file ({error}): write it again or remove it."
            ) from error

    with ThreadPoolExecutor(OPENERS) as pool:
        footers = list(pool.map(footer, paths))
    groups = _grouped((columns, "", path) for path, (columns, _) in zip(paths, footers, strict=True))
    return groups, sum(rows for _, rows in footers)


def read_parquet(spark: "SparkSession", folder: InputFolder, group: Group, source: Source) -> "DataFrame":
    """Typed rows of Parquet files of one schema."""
    from pyspark.sql import functions as F

    # Parquet timestamps in nanoseconds (pandas writes them) are read as numbers and divided.
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    frame = spark.read.parquet(*(folder.spark_path(path) for path in group.paths))
    types = dict(group.columns)
    fields = {field.name: field for field in source.fields}
    plain = all(name in fields and is_exact(fields[name], kind) for name, kind in group.columns)
    if plain:
        line = F.lit(None).cast("string")
    else:
        shown = [F.col(f"`{name}`") for name, kind in group.columns if not pa.types.is_binary(kind)]
        line = F.to_json(F.struct(*shown), {"ignoreNullFields": "false"})
    return typed_frame(frame, source, types, line=line, malformed=F.lit(False))


# ---------------------------------------------------------------------------- text


def csv_groups(folder: InputFolder, paths: list[str]) -> list[Group]:
    """CSV files by header.

    Raises
    ------
    ContractError
        A header names a column twice, or the file is empty.
    """

    def first_line(path: str) -> str:
        with folder.filesystem.open(path, "rt", encoding="utf-8", newline="") as stream:
            return str(stream.readline()).rstrip("\r\n").removeprefix(BOM)

    def columns(path: str, header: str) -> tuple[tuple[str, pa.DataType], ...]:
        names = [name.strip().strip('"') for name in header.split(",")]
        if len(set(names)) != len(names) or not all(names):
            raise ContractError(f"{path}: the header {header!r} must name every column once.")
        return tuple((name, pa.string()) for name in names)

    with ThreadPoolExecutor(OPENERS) as pool:
        headers = list(pool.map(first_line, paths))
    return _grouped((columns(path, header), header, path) for path, header in zip(paths, headers, strict=True))


def read_lines(spark: "SparkSession", folder: InputFolder, group: Group) -> "DataFrame":
    """Lines of text files that are neither blank nor a header; one column ``value`` and the ``DAY``."""
    from pyspark.sql import functions as F

    lines = spark.read.text([folder.spark_path(path) for path in group.paths])
    kept = lines.where(F.trim("value") != "")
    return kept.where(~F.col("value").isin(group.header, BOM + group.header)) if group.header else kept


def read_csv(lines: "DataFrame", group: Group, source: Source) -> "DataFrame":
    """Typed rows of CSV files of one header (RFC 4180, without line breaks in values)."""
    from pyspark.sql import functions as F

    names = [name for name, _ in group.columns]
    ddl = ", ".join(f"`{name}` string" for name in [*names, "_corrupt"])
    options = {"quote": '"', "escape": '"', "mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_corrupt"}
    parts = F.from_csv("value", ddl, options)
    frame = lines.select(
        F.col("value").alias("_value"), F.col("_metadata.file_path").alias("_file"), parts.alias("_parts")
    )
    frame = frame.select("_value", "_file", "_parts.*")
    malformed = F.col("_corrupt").isNotNull()
    raw = F.to_json(F.struct(*(F.col(f"`{name}`") for name in names)), {"ignoreNullFields": "false"})
    line = F.when(malformed, F.to_json(F.struct(F.col("_value").alias("line")))).otherwise(raw)
    return typed_frame(frame, source, dict(group.columns), line=line, malformed=malformed)


def read_json(lines: "DataFrame", group: Group, source: Source) -> "DataFrame":
    """Typed rows of JSON lines."""
    from pyspark.sql import functions as F

    names = [field.name for field in source.fields if field.kind != "binary"]
    ddl = ", ".join(f"`{name}` string" for name in [*names, "_corrupt"])
    parts = F.from_json("value", ddl, {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_corrupt"})
    frame = lines.select(
        F.col("value").alias("_value"), F.col("_metadata.file_path").alias("_file"), parts.alias("_parts")
    )
    frame = frame.select("_value", "_file", "_parts.*")
    malformed = F.col("_corrupt").isNotNull()
    line = F.when(malformed, F.to_json(F.struct(F.col("_value").alias("line")))).otherwise(F.col("_value"))
    return typed_frame(frame, source, dict.fromkeys(names, pa.string()), line=line, malformed=malformed)


# ---------------------------------------------------------------------------- both


def typed_frame(
    frame: "DataFrame", source: Source, types: dict[str, pa.DataType], *, line: "Column", malformed: "Column"
) -> "DataFrame":
    """Bring every column of the contract to its type, and mark rows where that failed."""
    from pyspark.sql import functions as F

    file = F.col("_file") if "_file" in frame.columns else F.col("_metadata.file_path")
    values, bad = [], []
    for field in source.fields:
        if field.name not in types:
            values.append(F.lit(None).cast(SPARK_TYPES[field.kind]).alias(field.name))
            continue
        value, wrong = parsed(field, F.col(f"`{field.name}`"), types[field.name])
        values.append(value.alias(field.name))
        bad += [] if wrong is None else [wrong]
    return frame.select(
        *values,
        reduce(lambda a, b: a | b, bad, F.lit(False)).alias(BAD),
        malformed.alias(MALFORMED),
        line.alias(LINE),
        F.regexp_extract(file, r"/ds=(\d{4}-\d{2}-\d{2})/", 1).alias(DAY),
    )


def _grouped(files: Iterable[tuple[tuple[tuple[str, pa.DataType], ...], str, str]]) -> list[Group]:
    """Group (columns, header, path) by the first two."""
    found: dict[tuple[tuple[tuple[str, pa.DataType], ...], str], list[str]] = {}
    for columns, header, path in files:
        found.setdefault((columns, header), []).append(path)
    return [Group(columns, header, tuple(paths)) for (columns, header), paths in found.items()]
