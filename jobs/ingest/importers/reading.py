"""Files of a data set, in a folder or in an archive of it, read in batches of bounded size."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from conf.errors import ContractError, UsageError

BLOCK = 1 << 21
"""Bytes of a text file that are read at a time."""
ROWS = 1 << 15
"""Rows of a Parquet file that are read at a time."""
Header = Literal["named", "maybe", "bare"]
"""Whether a text file names its columns: always, unless its first field is a number, or never."""
BOM = b"\xef\xbb\xbf"

UNREADABLE = (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError)
"""What reading a file or a member of an archive may end with: cut short, packed in an unknown way, or locked."""


@dataclass(frozen=True)
class Table:
    """A file of a data set, or a member of a zip archive."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """As messages call it."""
        return str(self.path) if self.member is None else f"{self.path}, {self.member}"

    @property
    def last(self) -> str:
        """The last part of the name."""
        return PurePosixPath(self.member or self.path.name).name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The bytes, as a stream.

        Raises
        ------
        ContractError
            They cannot be read.
        """
        try:
            if self.member is None:
                with self.path.open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield stream
        except UNREADABLE as error:
            raise ContractError(f"{self.name} cannot be read ({error}): download or unpack it again.") from error


def find(root: Path, *patterns: str, optional: bool = False) -> list[Table]:
    """Files of a folder whose name matches, in order of the patterns and then of names.

    Looks into the folder and the folders in it; where nothing is found, into zip archives there.

    Parameters
    ----------
    root
        Folder of the data set.
    patterns
        Of names, as a shell writes them; the first one is named when nothing is found.
    optional
        Return nothing instead of raising.

    Raises
    ------
    UsageError
        There is no such folder, or no such file in it.
    ContractError
        An archive is damaged.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder: name the folder that the data set was unpacked into.")
    found = [Table(path) for pattern in patterns for path in _files(root, pattern)]
    if not found:
        members = [Table(path, member) for path in _files(root, "*.zip") for member in _members(path)]
        found = [each for pattern in patterns for each in members if fnmatch(each.last, pattern)]
    if not found and not optional:
        raise UsageError(f"{root} has no {patterns[0]}: is this the folder of the data set, unpacked?")
    return list(dict.fromkeys(found))


def _files(root: Path, pattern: str) -> list[Path]:
    """Files of that name in a folder and the folders in it, without hidden ones."""
    paths = sorted(path for place in (pattern, f"*/{pattern}") for path in root.glob(place))
    return [path for path in paths if not path.name.startswith(".") and path.is_file()]


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ContractError(f"{path} is no whole zip archive ({error}): download it again.") from error
    return sorted(name for name in names if name.endswith((".csv", ".txt", ".tsv", ".parquet")))


@dataclass(frozen=True, kw_only=True)
class Lines:
    """A batch of a text file."""

    frame: pl.DataFrame
    """The columns as text; empty text stays empty."""
    broken: list[str]
    """Lines that have another number of fields or are no UTF-8."""


def header_of(table: Table, delimiter: str = ",") -> list[str]:
    """Fields of the first line, without a byte order mark.

    Raises
    ------
    ContractError
        The file is empty or no UTF-8.
    """
    with table.open() as stream:
        line = stream.readline().removeprefix(BOM)
    if not line.strip():
        raise ContractError(f"{table.name} is empty.")
    try:
        return next(csv.reader([line.decode("utf-8")], delimiter=delimiter))
    except UnicodeDecodeError as error:
        raise ContractError(f"{table.name} is no text in UTF-8, by its first line.") from error


def columns_of(table: Table, names: Sequence[str], header: Header, delimiter: str = ",") -> tuple[list[str], bool]:
    """The columns of a text file in order, and whether its first line names them.

    A file without a header has exactly ``names``.

    Raises
    ------
    UsageError
        The first line is something else.
    ContractError
        The file is empty or no UTF-8.
    """
    first = [name.strip() for name in header_of(table, delimiter)]
    if set(names) <= set(first) and header != "bare":
        return first, True
    if header == "bare" or (header == "maybe" and first[0].isdecimal()):
        return list(names), False
    raise UsageError(f"{table.name} begins with {', '.join(first)[:80]}: expected the columns {', '.join(names)}.")


def read_lines(
    table: Table, names: Sequence[str], *, header: Header = "named", delimiter: str = ",", quoted: bool = True
) -> Iterator[Lines]:
    """The rows of a large text file, some columns as text.

    Raises
    ------
    UsageError
        It has other columns.
    ContractError
        It is empty, or cannot be parsed at all.
    """
    columns, named = columns_of(table, names, header, delimiter)
    broken: list[str] = []

    def keep(row: Any) -> str:
        broken.append(row.text)
        return "skip"

    with table.open() as stream:
        try:
            reader = pacsv.open_csv(
                stream,
                pacsv.ReadOptions(column_names=columns, skip_rows=int(named), block_size=BLOCK, use_threads=False),
                pacsv.ParseOptions(delimiter=delimiter, quote_char='"' if quoted else False, invalid_row_handler=keep),
                pacsv.ConvertOptions(column_types=dict.fromkeys(columns, pa.binary()), include_columns=list(names)),
            )
            for batch in reader:
                frame, undecoded = _decoded(batch)
                yield Lines(frame=frame, broken=[*broken, *undecoded])
                broken.clear()
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                raise ContractError(f"{table.name} holds no rows.") from error
            raise ContractError(f"{table.name} cannot be parsed ({error}).") from error
    if broken:
        yield Lines(frame=pl.DataFrame(schema=dict.fromkeys(names, pl.String())), broken=broken)


def _decoded(batch: pa.RecordBatch) -> tuple[pl.DataFrame, list[str]]:
    """Columns of bytes as text; rows that are no UTF-8 apart."""
    try:
        text = pa.Table.from_arrays([column.cast(pa.string()) for column in batch.columns], names=batch.schema.names)
        frame = pl.from_arrow(text)
        assert isinstance(frame, pl.DataFrame)
        return frame, []
    except pa.ArrowInvalid:
        rows, broken = [], []
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            try:
                rows.append([value.decode("utf-8") for value in row])
            except UnicodeDecodeError:
                broken.append(",".join(value.decode("utf-8", "replace") for value in row))
        return pl.DataFrame(rows, schema=dict.fromkeys(batch.schema.names, pl.String()), orient="row"), broken


def read_rows(table: Table, names: Sequence[str], header: Header = "named") -> Iterator[Lines]:
    """The rows of a small text file of items, with line breaks in quotes, and commas without them in the last column.

    Raises
    ------
    UsageError
        It has other columns.
    ContractError
        It is empty or no UTF-8.
    """
    columns, named = columns_of(table, names, header)
    places = [columns.index(name) for name in names]
    rows: list[list[str]] = []
    broken: list[str] = []
    with table.open() as stream:
        lines = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline=""))
        try:
            for number, line in enumerate(lines):
                if (number == 0 and named) or not line:
                    continue
                fields = _joined(line, len(columns)) if max(places) + 1 == len(columns) else line
                if len(fields) != len(columns) or "\ufffd" in fields[places[0]]:
                    broken.append(",".join(fields))
                else:
                    rows.append([fields[place] for place in places])
                if len(rows) + len(broken) >= ROWS:
                    yield Lines(frame=_rows(rows, names), broken=broken)
                    rows, broken = [], []
        except csv.Error as error:
            raise ContractError(f"{table.name} cannot be parsed, line {lines.line_num} ({error}).") from error
    yield Lines(frame=_rows(rows, names), broken=broken)


def _joined(fields: list[str], count: int) -> list[str]:
    """At most ``count`` fields, what is too many in the last."""
    return [*fields[: count - 1], ",".join(fields[count - 1 :])] if len(fields) > count else fields


def _rows(rows: list[list[str]], names: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def read_parquet(
    paths: Sequence[Path], needed: Sequence[str], wanted: Sequence[str] = (), rows: int = ROWS
) -> Iterator[pl.DataFrame]:
    """Rows of Parquet files in batches; a column of ``wanted`` that a file lacks is null text.

    Raises
    ------
    UsageError
        A column of ``needed`` is not there.
    ContractError
        A file is damaged.
    """
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            there = set(file.schema_arrow.names)
            missing = [name for name in needed if name not in there]
            if missing:
                raise UsageError(f"{path} has no column {', '.join(missing)}: is this the file of the data set?")
            for batch in file.iter_batches(rows, columns=[name for name in (*needed, *wanted) if name in there]):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame.with_columns(pl.lit(None, pl.String).alias(name) for name in wanted if name not in there)
        except (pa.ArrowException, OSError) as error:
            raise ContractError(f"{path} is no readable Parquet file ({error}): download it again.") from error
