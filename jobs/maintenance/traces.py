"""Files of a home, beside tables and pictures, that hold a user's id in clear."""

import mmap
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PICTURES = "images"


def traces(home: Path, users: Sequence[str]) -> list[str]:
    """Paths relative to the home of files that hold one of the ids, in the order of their names.

    Parquet files are read by their text columns; of all others the bytes are searched, for the id as a word of its
    own, so that a short id is found where it is only a number. What is compressed in another way is not opened.
    """
    words = re.compile(b"|".join(rb"(?<!\w)" + re.escape(user.encode()) + rb"(?!\w)" for user in users))
    found = []
    for path in sorted(home.rglob("*")):
        inner = path.relative_to(home)
        if not path.is_file() or path.is_symlink() or inner.parts[0] == PICTURES or path.name == ".lock":
            continue
        in_lake = inner.parts[0] == "lake" and "_delta_log" not in inner.parts
        if not in_lake and (_in_columns(path, users) if path.suffix == ".parquet" else _in_bytes(path, words)):
            found.append(str(inner))
    return found


def _in_bytes(path: Path, words: re.Pattern[bytes]) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return words.search(content) is not None


def _in_columns(path: Path, users: Sequence[str]) -> bool:
    try:
        with pq.ParquetFile(path) as file:
            wanted = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
            batches: Iterator[pa.RecordBatch] = file.iter_batches(columns=wanted) if wanted else iter(())
            ids = pa.array(list(users))
            return any(pc.any(pc.is_in(column, ids)).as_py() for batch in batches for column in batch.columns)
    except pa.ArrowInvalid:  # half a file of a killed writer
        return False
