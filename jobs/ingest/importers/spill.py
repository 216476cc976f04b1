"""A log sorted into days on disk, so that each day can be finished alone whatever the order of the log."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

HASH_SEED = 1
"""Of the hash that cuts a large day into parts."""


class Buckets:
    """Files of Arrow record batches, each row in the one that its key chooses.

    Parameters
    ----------
    folder
        Where they lie; what is there is removed.
    count
        Number of files.
    key
        Which file a row goes to: a whole number, its remainder by ``count``.
    """

    def __init__(self, folder: Path, count: int, key: pl.Expr) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.count, self.key = folder, count, key
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def add(self, frame: pl.DataFrame) -> None:
        """Put rows into their files."""
        for (bucket,), part in frame.group_by((self.key % self.count).cast(pl.Int64), maintain_order=True):
            table = part.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = self._writers.get(int(bucket))
            if writer is None:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                writer = pa.ipc.new_stream(str(path_of(self.folder, int(bucket))), table.schema, options=options)
                self._writers[int(bucket)] = writer
            writer.write_table(table)

    def close(self) -> None:
        """All rows are there."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def path_of(folder: Path, bucket: int) -> Path:
    """File of a bucket."""
    return folder / f"{bucket:05}.arrows"


def batches_of(path: Path) -> Iterator[pl.DataFrame]:
    """Rows of a bucket, batch by batch, in the order in which they came; nothing where the bucket is empty."""
    if not path.exists():
        return
    with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            yield frame


def rows_of(path: Path) -> int:
    """Rows of a bucket."""
    return sum(frame.height for frame in batches_of(path))


def parts_of(path: Path, folder: Path, *, rows: int, limit: int, column: str) -> Iterator[pl.DataFrame]:
    """The rows of a bucket in parts of about ``limit`` rows; rows with one value of ``column`` stay together.

    Parameters
    ----------
    path
        The bucket.
    folder
        For the parts of a large one; gone afterwards.
    rows
        How many rows it has.
    limit
        Rows that are held at a time.
    column
        By whose hash it is cut.
    """
    if rows <= limit:
        held = list(batches_of(path))
        if held:
            yield pl.concat(held)
        return
    count = -(-rows // limit)
    cut = Buckets(folder, count, pl.col(column).hash(HASH_SEED))
    for frame in batches_of(path):
        cut.add(frame)
    cut.close()
    for part in range(count):
        held = list(batches_of(path_of(folder, part)))
        if held:
            yield pl.concat(held)
    shutil.rmtree(folder)
