"""Delta transactions: creating a table with its constraints, and what a commit said."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable

from conf.errors import ContractError, TryAgainError
from jobs.lake.schema.spec import TableSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROPERTIES = {
    # delta-rs reads the same tables, and deletion vectors are not for two engines.
    "delta.enableDeletionVectors": "false",
    # Spark keeps no minimum of booleans and cuts timestamps to milliseconds; delta-rs 1.6 takes the missing
    # minimum for a null bound and finds no row at all. Partitions by ds skip enough without column statistics.
    "delta.dataSkippingNumIndexedCols": "0",
}
"""Table properties."""

REFUSALS = (
    "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
    "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
    "DELTA_REPLACE_WHERE_MISMATCH",
    "CAST_INVALID_INPUT",
    "CAST_OVERFLOW",
    "NOT_NULL_ASSERT_VIOLATION",
)
"""Error classes of Spark and Delta that mean: these rows may not be written."""

CONFLICTS = ("DELTA_CONCURRENT", "ConcurrentAppend", "ConcurrentDelete", "ConcurrentWrite", "DELTA_METADATA_CHANGED")


def create_table(spark: "SparkSession", spec: TableSpec, path: str) -> None:
    """Create the table, unless it is there, with NOT NULL and CHECK constraints, in one commit."""
    from delta.tables import DeltaTable as SparkDelta
    from pyspark.sql.pandas.types import from_arrow_schema

    builder = SparkDelta.createIfNotExists(spark).location(path).addColumns(from_arrow_schema(spec.schema))
    if spec.partition_by:
        builder = builder.partitionedBy(*spec.partition_by)
    for name, value in PROPERTIES.items():
        builder = builder.property(name, value)
    for name, condition in spec.checks.items():
        builder = builder.property(f"delta.constraints.{name}", condition)
    builder.execute()


def renew_checks(spark: "SparkSession", spec: TableSpec, path: str, table: DeltaTable) -> None:
    """Bring the CHECK constraints of a table that an older version created to those of the spec.

    Only where it has one that the spec no longer names. New ones come first (Delta checks every
    row of the table before it adds one), so that a killed run leaves too many and never too few.
    """
    prefix = "delta.constraints."
    found = {key.removeprefix(prefix) for key in table.metadata().configuration if key.startswith(prefix)}
    stale = found - spec.checks.keys()
    if not stale:
        return
    with explained(spec.name):
        for name in spec.checks.keys() - found:
            spark.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT {name} CHECK ({spec.checks[name]})")
        for name in stale:
            spark.sql(f"ALTER TABLE delta.`{path}` DROP CONSTRAINT {name}")


def renew_columns(spark: "SparkSession", spec: TableSpec, path: str, table: DeltaTable) -> None:
    """Add nullable columns that the spec has and a table that an older version created has not."""
    from pyspark.sql.pandas.types import from_arrow_type

    there = {field.name for field in table.schema().fields}
    missing = [field for field in spec.schema if field.nullable and field.name not in there]
    if missing:
        added = ", ".join(f"{field.name} {from_arrow_type(field.type).simpleString()}" for field in missing)
        with explained(spec.name):
            spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS ({added})")


@contextmanager
def explained(table: str) -> Iterator[None]:
    """Turn what Spark and Delta raise on refused rows and lost races into errors of ours.

    Raises
    ------
    ContractError
        When the rows break a constraint.
    TryAgainError
        When another writer committed in between.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        text = str(error)
        for name in REFUSALS:
            if name in text:
                raise ContractError(f"Table {table!r} refused the rows: {_sentence(text, name)}") from error
        if any(name in text for name in CONFLICTS):
            raise TryAgainError(
                f"Another writer changed table {table!r} in between; run the same command again."
            ) from error
        raise


def _sentence(text: str, name: str) -> str:
    """The line of a Java stack that carries the error class, and the values below it."""
    lines = text[text.index(name) :].splitlines()
    kept = [lines[0], *(line.strip() for line in lines[1:8] if line.strip().startswith("- "))]
    return " ".join(kept).lstrip("[").replace(name + "]", name + ":")[:500]


def written_rows(table: DeltaTable) -> int:
    """Rows that the table's last commit wrote, without those it only copied."""
    metrics: dict[str, Any] = table.history(1)[0].get("operationMetrics", {})
    if "numTargetRowsInserted" in metrics:
        return int(metrics["numTargetRowsInserted"]) + int(metrics.get("numTargetRowsUpdated", 0))
    return int(metrics.get("numOutputRows", 0)) - int(metrics.get("numCopiedRows", 0))


def deleted_rows(table: DeltaTable) -> int:
    """Rows that the table's last commit, a delete, took away."""
    metrics: dict[str, Any] = table.history(1)[0].get("operationMetrics", {})
    return int(metrics.get("numDeletedRows", 0))
