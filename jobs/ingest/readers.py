"""Reading Parquet, CSV and JSON lines into one typed frame a source, whatever the files look like.

Files are grouped by what their columns are, each group is read by Spark and brought to the
contract's types, and the groups are put together. Nothing is refused here: a value of a wrong
type becomes null and its row is marked.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Literal

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import ContractError
from jobs.ingest.contract import Source
from jobs.ingest.parsing import SPARK_TYPES, is_exact, parsed, quoted, readable_type

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Format = Literal["parquet", "csv", "jsonl"]

BAD, MALFORMED, LINE, DAY = "_bad", "_malformed", "_line", "ds"
"""Columns beside the contract's: a value had a wrong type; the line could not be parsed; the raw
row as JSON, null where the typed columns say it all; the day of the folder."""

BOM = "\ufeff"
"""Byte order mark, which some programs write first into a CSV file."""

OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")
"""How files in UTF-16 and UTF-32 begin."""

COMPLETE = "_SUCCESS"
"""File by which Spark and Hadoop say that a folder is whole, even if it holds nothing else."""

PICTURES = "covers/files"
"""Folder of the pictures that ``path`` of a cover names."""

PATTERNS = re.compile(r"[][{}*?\\]")
"""Characters that Spark would look for other files by."""

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
        """Days whose folder ``impressions/ds=YYYY-MM-DD`` has files, or ``COMPLETE`` alone, in order.

        A folder with neither has not arrived yet.

        Raises
        ------
        ContractError
            A folder's date is none, or something lies beside the folders of days.
        """
        place = f"{self.root}/impressions"
        if not self._is_folder(place):
            return []
        names = (path.rstrip("/").rpartition("/")[2] for path in self.filesystem.ls(place, detail=False))
        shown = sorted(name for name in names if not _is_hidden(name))
        for name in shown:
            if not name.startswith("ds=") or not _is_date(name.removeprefix("ds=")):
                raise ContractError(
                    f"{place}/{name}: name folders of days like ds=2026-03-29, and keep all files in them."
                )
        days = [name.removeprefix("ds=") for name in shown]
        return [day for day in days if self._has_arrived(f"{place}/ds={day}")]

    def _is_folder(self, place: str) -> bool:
        """Whether a folder is there.

        Raises
        ------
        ContractError
            Something else has its name.
        """
        if self.filesystem.isfile(place):
            raise ContractError(f"{place} is a file: put it into a folder of that name.")
        return bool(self.filesystem.isdir(place))

    def _has_arrived(self, place: str) -> bool:
        if not self._is_folder(place):
            return False
        names = [path[len(place) :].lstrip("/") for path in self.filesystem.find(place)]
        return any(name == COMPLETE or not _is_hidden(name) for name in names)

    def files(self, folder: str) -> list[str]:
        """Files of a folder and its subfolders by full path, hidden ones and ``covers/files`` left out.

        Raises
        ------
        ContractError
            A file has another format's suffix.
        """
        place = f"{self.root}/{folder}"
        if not self._is_folder(place):
            return []
        pictures = f"{self.root}/{PICTURES}/"
        found = {path: path[len(place) :].lstrip("/") for path in self.filesystem.find(place)}
        chosen = sorted(path for path, name in found.items() if not _is_hidden(name) and not path.startswith(pictures))
        strange = [path for path in chosen if not path.endswith(f".{self.form}")]
        if strange:
            raise ContractError(
                f"{strange[0]} is not a .{self.form} file: set ingest.format to the format of the input, "
                "or move other files away (names starting with '.' or '_' are skipped)."
            )
        return chosen

    def first_line(self, path: str) -> str:
        """First line of a text file, without its line break and byte order mark.

        Raises
        ------
        ContractError
            It is no UTF-8, or there is no such file behind a link.
        """
        try:
            with self.filesystem.open(path, "rb") as stream:
                line: bytes = stream.readline().partition(b"\r")[0]
        except OSError as error:
            raise ContractError(f"{path} cannot be read ({error}): write it again or remove it.") from error
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if line.startswith(OTHER_ENCODINGS) or "\0" in text:
            raise ContractError(f"{path} is no text in UTF-8, by its first line: write it in UTF-8 (iconv -t UTF-8).")
        return text.rstrip("\r\n").removeprefix(BOM)

    def spark_path(self, path: str) -> str:
        """URL of a file for Spark, which calls ``s3://`` ``s3a://`` and takes some characters for patterns."""
        full = PATTERNS.sub(r"\\\g<0>", str(self.filesystem.unstrip_protocol(path)))
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
    groups, rows = open_files(folder, places)
    if not groups:
        return None
    if folder.form == "parquet":
        frames = [read_parquet(spark, folder, group, source) for group in groups]
    else:
        lines = [read_lines(spark, folder, group) for group in groups]
        rows = sum(frame.count() for frame in lines)
        read: Callable[[DataFrame, Group, Source], DataFrame] = read_csv if folder.form == "csv" else read_json
        frames = [read(frame, group, source) for frame, group in zip(lines, groups, strict=True)]
    frame = reduce(lambda a, b: a.unionByName(b), frames)
    return RawInput(frame=frame if folder.form == "parquet" else frame.cache(), rows=rows)


def open_files(folder: InputFolder, places: Sequence[str]) -> tuple[list[Group], int]:
    """Look into the files of a source, without reading them.

    Returns
    -------
    tuple
        The files by their columns, none where there is no file; and the rows of Parquet files.

    Raises
    ------
    ContractError
        As :func:`read_source`.
    """
    paths = [path for place in places for path in folder.files(place)]
    if folder.form == "parquet":
        return parquet_groups(folder, paths)
    return csv_groups(folder, paths) if folder.form == "csv" else json_groups(folder, paths), 0


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
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise ContractError(
                f"{path} is no readable Parquet file ({error}): write it again or remove it."
            ) from error

    with ThreadPoolExecutor(OPENERS) as pool:
        footers = list(pool.map(footer, paths))
    for path, (columns, _) in zip(paths, footers, strict=True):
        demand_names(path, [name for name, _ in columns])
    groups = _grouped((columns, "", path) for path, (columns, _) in zip(paths, footers, strict=True))
    return groups, sum(rows for _, rows in footers)


def damaged_parquet(folder: InputFolder, paths: Iterable[str]) -> str | None:
    """The first of some Parquet files whose rows cannot be decoded; each is read whole."""
    for path in paths:
        try:
            with folder.filesystem.open(path, "rb") as stream:
                for _ in pq.ParquetFile(stream).iter_batches():
                    pass
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            return path
    return None


def read_parquet(spark: "SparkSession", folder: InputFolder, group: Group, source: Source) -> "DataFrame":
    """Typed rows of Parquet files of one schema."""
    from pyspark.sql import functions as F

    # Parquet timestamps in nanoseconds (pandas writes them) are read as numbers and divided.
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    readable = {name: readable_type(kind) for name, kind in group.columns if not pa.types.is_null(kind)}
    reader = spark.read
    if len(readable) < len(group.columns) or None in readable.values():  # else Spark refuses the whole file
        reader = reader.schema(", ".join(f"{quoted(name)} {kind}" for name, kind in readable.items() if kind))
    frame = reader.parquet(*(folder.spark_path(path) for path in group.paths))
    types = {name: kind if readable[name] else None for name, kind in group.columns if name in readable}
    fields = {field.name: field for field in source.fields}
    plain = all(name in fields and is_exact(fields[name], kind) for name, kind in group.columns)
    if plain:
        line = F.lit(None).cast("string")
    else:
        shown = [F.col(quoted(name)) for name, kind in types.items() if kind and not pa.types.is_binary(kind)]
        line = F.to_json(F.struct(*shown), {"ignoreNullFields": "false"})
    return typed_frame(
        frame,
        source,
        types,
        column=lambda name: F.col(quoted(name)),
        file=frame.metadataColumn("_metadata")["file_path"],
        line=line,
        malformed=F.lit(False),
    )


# ---------------------------------------------------------------------------- text


def csv_groups(folder: InputFolder, paths: list[str]) -> list[Group]:
    """CSV files by header.

    Raises
    ------
    ContractError
        A header names a column twice, or the file is empty.
    """

    def columns(path: str, header: str) -> tuple[tuple[str, pa.DataType], ...]:
        names = [name.strip().strip('"') for name in header.split(",")]
        demand_names(path, names)
        return tuple((name, pa.string()) for name in names)

    with ThreadPoolExecutor(OPENERS) as pool:
        headers = list(pool.map(folder.first_line, paths))
    return _grouped((columns(path, header), header, path) for path, header in zip(paths, headers, strict=True))


def json_groups(folder: InputFolder, paths: list[str]) -> list[Group]:
    """JSON lines as one group: every line names its columns.

    Raises
    ------
    ContractError
        A file is no text in UTF-8.
    """
    with ThreadPoolExecutor(OPENERS) as pool:
        list(pool.map(folder.first_line, paths))
    return [Group((), "", tuple(paths))] if paths else []


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
    corrupt = _unused("_corrupt", names)
    ddl = ", ".join(f"{quoted(name)} string" for name in [*names, corrupt])
    options = {"quote": '"', "escape": '"', "mode": "PERMISSIVE", "columnNameOfCorruptRecord": corrupt}
    frame = _parsed_lines(lines, F.from_csv("value", ddl, options))
    values = [F.col("_parts")[name].alias(name) for name in names]
    raw = F.to_json(F.struct(*values), {"ignoreNullFields": "false"})
    return _typed_lines(frame, source, names, corrupt, raw)


def read_json(lines: "DataFrame", group: Group, source: Source) -> "DataFrame":
    """Typed rows of JSON lines."""
    from pyspark.sql import functions as F

    names = [field.name for field in source.fields if field.kind != "binary"]
    corrupt = "_corrupt"
    ddl = ", ".join(f"{quoted(name)} string" for name in [*names, corrupt])
    parts = F.from_json("value", ddl, {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": corrupt})
    return _typed_lines(_parsed_lines(lines, parts), source, names, corrupt, F.col("_value"))


def _parsed_lines(lines: "DataFrame", parts: "Column") -> "DataFrame":
    """``_value`` the line, ``_file`` its file, ``_parts`` its columns."""
    from pyspark.sql import functions as F

    return lines.select(
        F.col("value").alias("_value"), F.col("_metadata.file_path").alias("_file"), parts.alias("_parts")
    )


def _typed_lines(frame: "DataFrame", source: Source, names: list[str], corrupt: str, raw: "Column") -> "DataFrame":
    """Typed rows of parsed lines; what is no UTF-8 or was not parsed is malformed, and kept as it is readable."""
    from pyspark.sql import functions as F

    malformed = F.col("_parts")[corrupt].isNotNull() | ~F.is_valid_utf8("_value")
    whole = F.to_json(F.struct(F.make_valid_utf8("_value").alias("line")))
    return typed_frame(
        frame,
        source,
        dict.fromkeys(names, pa.string()),
        column=lambda name: F.col("_parts")[name],
        file=F.col("_file"),
        line=F.when(malformed, whole).otherwise(raw),
        malformed=malformed,
    )


# ---------------------------------------------------------------------------- both


def typed_frame(
    frame: "DataFrame",
    source: Source,
    types: "dict[str, pa.DataType | None]",
    *,
    column: "Callable[[str], Column]",
    file: "Column",
    line: "Column",
    malformed: "Column",
) -> "DataFrame":
    """Bring every column of the contract to its type, and mark rows where that failed.

    Parameters
    ----------
    frame
        What Spark read.
    source
        Its contract.
    types
        Arrow type of every column of the files; None where Spark cannot read it, so that every value is wrong.
    column
        The column of the files by its name.
    file, line, malformed
        Path of a row's file, the raw row, and whether it could not be parsed.
    """
    from pyspark.sql import functions as F

    values, bad = [], []
    for field in source.fields:
        kind = types.get(field.name)
        if kind is None:
            values.append(F.lit(None).cast(SPARK_TYPES[field.kind]).alias(field.name))
            bad += [F.lit(True)] if field.name in types else []
            continue
        value, wrong = parsed(field, column(field.name), kind)
        values.append(value.alias(field.name))
        bad += [] if wrong is None else [wrong]
    return frame.select(
        *values,
        reduce(lambda a, b: a | b, bad, F.lit(False)).alias(BAD),
        malformed.alias(MALFORMED),
        line.alias(LINE),
        F.regexp_extract(file, r"/impressions/ds=(\d{4}-\d{2}-\d{2})/", 1).alias(DAY),
    )


def demand_names(path: str, names: Sequence[str]) -> None:
    """Stop unless every column has a name of its own; Spark does not tell upper from lower case.

    Raises
    ------
    ContractError
        Naming the file and the columns.
    """
    again = [name for name, times in Counter(name.lower() for name in names).items() if times > 1]
    if again or not all(names):
        listed = ", ".join(repr(name) for name in names)
        raise ContractError(f"{path}: name every column once, in upper or lower case, not as in {listed}.")


def _unused(name: str, taken: Sequence[str]) -> str:
    """The name, longer by underscores until no column has it."""
    lower = {other.lower() for other in taken}
    while name in lower:
        name += "_"
    return name


def _is_hidden(name: str) -> bool:
    """Whether a part of a relative path begins like what Spark leaves aside."""
    return any(part[:1] in ("", ".", "_") for part in name.split("/"))


def _is_date(text: str) -> bool:
    """Whether a text is a day of the calendar as ``2026-03-29``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _grouped(files: Iterable[tuple[tuple[tuple[str, pa.DataType], ...], str, str]]) -> list[Group]:
    """Group (columns, header, path) by the first two."""
    found: dict[tuple[tuple[tuple[str, pa.DataType], ...], str], list[str]] = {}
    for columns, header, path in files:
        found.setdefault((columns, header), []).append(path)
    return [Group(columns, header, tuple(paths)) for (columns, header), paths in found.items()]
