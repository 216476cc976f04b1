"""Stage ``encode``: vectors of the covers and titles that have none yet.

Spark tasks read pictures from the store and run the frozen encoders, one thread a task, so the
same code encodes nine thousand covers on two cores and nine million on a cluster. What has a
vector already is not touched, so a second run writes nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import torch

from jobs.lake.context import Context, StageResult
from jobs.lake.images import ImageStore
from jobs.lake.schema.tables import TABLES
from reward_model.encoders.compiled import load_picture_encoder
from reward_model.encoders.model import (
    ENCODER_ID,
    PictureEncoder,
    TextEncoder,
    encode_pictures,
    load_text_encoder,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]
LEAST_ROWS_A_TASK = 64
"""Fewer are not worth a task's start: importing torch takes seconds."""
MOST_ROWS_A_TASK = 20_000
"""More would lose too much when a task is retried."""


def run(ctx: Context) -> StageResult:
    """Encode new covers into ``cover_features`` and new default titles into ``title_features``.

    Raises
    ------
    MissingTable
        When ingest has not run.
    """
    covers = _missing(ctx, "covers", "cover_id", "cover_features", "cover_id")
    ctx.progress(0, 2, "covers")
    rows = {
        "cover_features": _encode(ctx, covers, "cover_features", cover_task(ctx.images, ctx.settings.encode.batch_size))
    }
    ctx.progress(1, 2, "titles")
    titles = _missing(ctx, "items", "title", "title_features", "text")
    rows["title_features"] = _encode(ctx, titles, "title_features", title_task())
    ctx.progress(2, 2, "titles")
    note = f"{rows['cover_features']:,} new covers and {rows['title_features']:,} new titles by {ENCODER_ID}"
    return StageResult(rows=rows, note=note)


def _missing(ctx: Context, source: str, column: str, target: str, known: str) -> pa.Array:
    """Distinct values of a source column that the encoder has no row for, sorted."""
    wanted = pc.unique(ctx.lake.read(source, columns=[column])[column]).sort()
    if not ctx.lake.exists(target):
        return wanted
    filters = [("encoder_id", "=", ENCODER_ID)]
    have = ctx.lake.read(target, columns=[known], filters=filters)[known].combine_chunks()
    return wanted.filter(pc.invert(pc.is_in(wanted, value_set=have)))


def _encode(ctx: Context, keys: pa.Array, target: str, task: Callable[[Batches], Batches]) -> int:
    """Run ``task`` over the keys and merge its rows in one transaction; returns the rows written."""
    if not len(keys):
        return 0
    tasks = task_count(len(keys), ctx.spark.sparkContext.defaultParallelism)
    frame = ctx.spark.createDataFrame(pa.table({"key": keys})).repartition(tasks)
    encoded = frame.mapInArrow(task, schema=_spark_schema(target)).cache()
    try:
        _materialise(encoded)
        return ctx.lake.merge(encoded, target)
    finally:
        encoded.unpersist()


def task_count(rows: int, parallelism: int) -> int:
    """Tasks for so many rows: all cores when there is enough to do, more when there is a lot.

    Examples
    --------
    >>> task_count(10, 2), task_count(9000, 2), task_count(1_000_000, 8)
    (1, 2, 50)
    """
    return min(-(-rows // LEAST_ROWS_A_TASK), max(parallelism, -(-rows // MOST_ROWS_A_TASK)))


def _materialise(frame: "DataFrame") -> None:
    """Encode now and once: a merge reads its source more than once."""
    frame.count()


def _spark_schema(table: str) -> str:
    """The table's columns as a Spark schema text."""
    kinds = {pa.string(): "string", pa.list_(pa.float32()): "array<float>"}
    return ", ".join(f"{field.name} {kinds[field.type]}" for field in TABLES[table].schema)


@cache
def _picture_encoder() -> PictureEncoder:
    """One per worker process, on one thread: the other cores have their own task."""
    torch.set_num_threads(1)
    return load_picture_encoder(threads=1)


@cache
def _text_encoder() -> TextEncoder:
    """Likewise."""
    torch.set_num_threads(1)
    return load_text_encoder()


def cover_task(images: ImageStore, batch_size: int) -> Callable[[Batches], Batches]:
    """A Spark task from cover ids to rows of ``cover_features``.

    The task raises CorruptImage when a picture is not what its id says.
    """

    def encode(batches: Batches) -> Batches:
        for batch in batches:
            keys = batch.column(0)
            for start in range(0, len(keys), batch_size):
                part = keys.slice(start, batch_size)
                pictures = [images.get(sha) for sha in part.to_pylist()]
                embedding, style = encode_pictures(_picture_encoder(), pictures, batch_size)
                columns = [part, pa.repeat(ENCODER_ID, len(part)), _lists(embedding), _lists(style)]
                yield pa.RecordBatch.from_arrays(columns, schema=TABLES["cover_features"].schema)

    return encode


def title_task() -> Callable[[Batches], Batches]:
    """A Spark task from texts to rows of ``title_features``."""

    def encode(batches: Batches) -> Batches:
        for batch in batches:
            texts = batch.column(0).to_pylist()
            if texts:
                _, aligned = _text_encoder().encode(texts)
                hashes = pa.array([text_hash(text) for text in texts])
                columns = [hashes, pa.repeat(ENCODER_ID, len(texts)), batch.column(0), _lists(aligned)]
                yield pa.RecordBatch.from_arrays(columns, schema=TABLES["title_features"].schema)

    return encode


def text_hash(text: str) -> str:
    """SHA-256 of the UTF-8 text, the key of title_features."""
    return hashlib.sha256(text.encode()).hexdigest()


def _lists(vectors: "pa.Array") -> pa.Array:
    """``(n, dim)`` numbers as ``n`` lists."""
    count, width = vectors.shape
    offsets = pa.array(range(0, (count + 1) * width, width), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel(), pa.float32()))
