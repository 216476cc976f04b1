"""Items and covers: their checks across rows, and how they are merged into the lake."""

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from jobs.ingest import contract
from jobs.ingest.checks import (
    REASONS,
    Checked,
    accepted_rows,
    add_reasons,
    check_unique,
    counted,
    repeated_keys,
    value_conditions,
)
from jobs.ingest.covers import KNOWN, PictureReader, verify_pictures
from jobs.ingest.readers import BAD, InputFolder, read_source
from jobs.lake.context import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ITEM_CREATED = "_item_created_at"
"""Column of the covers frame: when the item was created; null for an unknown item."""


def check_items(context: Context, folder: InputFolder) -> Checked | None:
    """Read and check the items; None where the input has none."""
    source = contract.ITEMS
    raw = read_source(context.spark, folder, source, ["items"])
    if raw is None:
        return None
    frame = add_reasons(raw.frame, value_conditions(source))
    frame = check_unique(frame, source, repeated_keys(raw.frame, source))
    return counted(frame.cache(), source, raw.rows)


def check_covers(context: Context, folder: InputFolder, items: Checked | None) -> Checked | None:
    """Read and check the covers, their pictures included; None where the input has none.

    Pictures of new covers are in the store afterwards.
    """
    from pyspark.sql import functions as F

    source = contract.COVERS
    raw = read_source(context.spark, folder, source, ["covers"])
    if raw is None:
        return None
    frame = raw.frame.join(item_dates(context, items), "item_id", "left")
    wrong_type, missing = value_conditions(source)
    no_picture = F.col("path").isNull() & F.col("data").isNull() & ~F.col(BAD)
    unknown = F.col(ITEM_CREATED).isNull() & F.col("item_id").isNotNull()
    frame = add_reasons(
        frame,
        [
            wrong_type,
            (missing[0] | no_picture, contract.MISSING_KEY),
            (unknown, contract.UNKNOWN_ITEM),
        ],
    )
    frame = mark_stored(context, frame).repartition(context.spark.sparkContext.defaultParallelism)
    reader = PictureReader(
        f"{context.input_url.rstrip('/')}/covers/files",
        context.settings.lake.storage_options,
        context.images,
        context.settings.ingest.max_picture_pixels,
    )
    frame = verify_pictures(frame, reader).cache()
    unique = check_unique(frame, source, repeated_keys(raw.frame, source))
    return counted(check_defaults(context, unique).cache(), source, raw.rows)


def item_dates(context: Context, items: Checked | None) -> "DataFrame":
    """Item ids and their dates of creation: accepted now, else from the lake."""
    from pyspark.sql import functions as F

    parts = []
    if items is not None:
        parts.append(accepted_rows(items).select("item_id", F.col("created_at").alias(ITEM_CREATED)))
    if context.lake.exists("items"):
        parts.append(context.lake.frame("items").select("item_id", F.col("created_at").alias(ITEM_CREATED)))
    if not parts:
        return context.spark.createDataFrame([], f"item_id string, {ITEM_CREATED} timestamp")
    if len(parts) == 1:
        return parts[0]
    return parts[0].unionByName(parts[1].join(parts[0], "item_id", "left_anti"))


def mark_stored(context: Context, frame: "DataFrame") -> "DataFrame":
    """Add ``KNOWN``: the lake has the cover of the item, so its picture was verified on another night."""
    from pyspark.sql import functions as F

    if not context.lake.exists("covers"):
        return frame.withColumn(KNOWN, F.lit(False))
    old = context.lake.frame("covers").select("cover_id", "item_id", F.lit(True).alias(KNOWN))
    return frame.join(old, ["cover_id", "item_id"], "left").withColumn(KNOWN, F.coalesce(KNOWN, F.lit(False)))


def check_defaults(context: Context, frame: "DataFrame") -> "DataFrame":
    """Refuse an item's further defaults, and all its covers when none is its default."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    fine = F.col(REASONS) == ""
    candidate = fine & F.col("is_default")
    order = Window.partitionBy("item_id").orderBy(F.when(candidate, 0).otherwise(1), "cover_id")
    frame = frame.withColumn("_first", F.row_number().over(order) == 1)
    has_default = F.max(candidate.cast("int")).over(Window.partitionBy("item_id")) == 1
    frame = frame.withColumn("_has_default", has_default)
    if context.lake.exists("covers"):
        old = context.lake.frame("covers").where("is_default AND source = 'original'").select("item_id").distinct()
        frame = frame.join(old.withColumn("_old", F.lit(True)), "item_id", "left")
        frame = frame.withColumn("_has_default", F.col("_has_default") | F.coalesce("_old", F.lit(False))).drop("_old")
    return add_reasons(
        frame,
        [
            (candidate & ~F.col("_first"), contract.SECOND_DEFAULT),
            (fine & ~F.col("_has_default"), contract.NO_DEFAULT),
        ],
    ).drop("_first", "_has_default")


def write_items(context: Context, items: Checked) -> None:
    """Insert new items and overwrite changed ones."""
    from pyspark.sql import functions as F

    maps = [field.name for field in contract.ITEMS.fields if field.kind in contract.MAPS]
    names = [field.name for field in contract.ITEMS.fields if field.name not in maps]
    rows = accepted_rows(items).select(*names, *maps)
    rows = rows.withColumn("tags", F.coalesce("tags", F.array().cast("array<string>")))
    if context.lake.exists("items"):
        rows = changed_items(rows, context.lake.frame("items"), names, maps).cache()
        if not rows.isEmpty():
            context.lake.merge(rows, "items", update=True)
    else:
        context.lake.replace(rows, "items")


def changed_items(rows: "DataFrame", old: "DataFrame", names: list[str], maps: list[str]) -> "DataFrame":
    """Items that the lake has not, or otherwise; maps are compared as sorted entries, as Spark compares no maps."""
    from pyspark.sql import functions as F

    known = [name for name in maps if name in old.columns]  # a lake of an older version lacks them
    new = [F.lit(None).cast(rows.schema[name].dataType).alias(name) for name in maps if name not in known]
    entries = [F.array_sort(F.map_entries(name)).alias(name) for name in maps]
    found = rows.select(*names, *entries).exceptAll(old.select(*names, *known, *new).select(*names, *entries))
    return found.select(*names, *(F.map_from_entries(name).alias(name) for name in maps))


def write_covers(context: Context, covers: Checked) -> None:
    """Insert new covers, and move the default where the input names another one."""
    from pyspark.sql import functions as F

    accepted = accepted_rows(covers)
    midnight = datetime.combine(context.ds, time(), UTC)
    uri = F.concat(F.substring("cover_id", 1, 2), F.lit("/"), F.col("cover_id"))
    fresh = accepted.where(~F.col(KNOWN)).select(
        "cover_id",
        "item_id",
        F.lit("original").alias("source"),
        "is_default",
        uri.alias("uri"),
        "mime",
        "width",
        "height",
        "bytes",
        F.lit(None).cast("string").alias("unit_id"),
        F.coalesce("created_at", ITEM_CREATED, F.lit(midnight)).alias("created_at"),
    )
    if context.lake.exists("covers"):
        fresh = fresh.unionByName(moved_defaults(context, accepted)).cache()
        if not fresh.isEmpty():
            context.lake.merge(fresh, "covers", update=True)
    else:
        context.lake.replace(fresh, "covers")


def moved_defaults(context: Context, accepted: "DataFrame") -> "DataFrame":
    """Original covers of the lake whose ``is_default`` is no longer what the input says."""
    from pyspark.sql import functions as F

    defaults = accepted.where("is_default").select("item_id", F.col("cover_id").alias("_default"))
    old = context.lake.frame("covers").where("source = 'original'").join(defaults, "item_id")
    now = F.col("cover_id") == F.col("_default")
    columns = context.lake.frame("covers").columns
    return old.where(F.col("is_default") != now).withColumn("is_default", now).select(*columns)
