"""Reading and writing the lake: Spark writes Delta, delta-rs reads it without a JVM."""

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from conf.errors import MissingTable
from conf.settings import SparkSettings
from jobs.lake.casting import conform_frame, conform_table
from jobs.lake.commits import create_table, deleted_rows, explained, renew_checks, renew_columns, written_rows
from jobs.lake.engine.spark import start_session
from jobs.lake.schema.owners import WRITTEN_BY
from jobs.lake.schema.spec import TableSpec
from jobs.lake.schema.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

logger = logging.getLogger(__name__)

Day: TypeAlias = date | str
Days: TypeAlias = Day | Iterable[Day] | None


def days_of(ds: Days) -> list[str] | None:
    """ISO texts of one day or several; None stays None.

    Examples
    --------
    >>> days_of(date(2026, 3, 2)), days_of(["2026-03-02", date(2026, 3, 3)])
    (['2026-03-02'], ['2026-03-02', '2026-03-03'])
    """
    if ds is None:
        return None
    chosen: Iterable[Day] = [ds] if isinstance(ds, (date, str)) else ds
    return [date.fromisoformat(str(day)).isoformat() for day in chosen]


class Lake:
    """The tables of :data:`jobs.lake.schema.tables.TABLES` under one URL.

    Every write but those of :meth:`append` goes through Spark, and all are one Delta transaction; a table is created,
    with its NOT NULL and CHECK constraints, by its first write. Reads through :meth:`read` need no JVM.

    Parameters
    ----------
    url
        Folder of the tables: a path, ``file://``, ``s3://``, ``gs://`` or ``hdfs://``.
    spark_settings
        The session that writes start.
    storage_options
        Passed to delta-rs.
    """

    def __init__(self, url: str, spark_settings: SparkSettings, storage_options: dict[str, str] | None = None) -> None:
        self.url = url.rstrip("/") if "://" in url else str(Path(url).absolute())
        self.spark_settings = spark_settings
        self.storage_options = dict(storage_options or {})

    @property
    def spark(self) -> "SparkSession":
        """The Spark session of this process, started at first use."""
        return start_session(self.spark_settings)

    # ------------------------------------------------------------------ places

    def path(self, table: str) -> str:
        """URL of a table, for delta-rs.

        Raises
        ------
        ValueError
            When no such table is declared.
        """
        return f"{self.url}/{_spec(table).name}"

    def spark_path(self, table: str) -> str:
        """URL of a table, for Spark (which calls ``s3://`` ``s3a://``)."""
        path = self.path(table)
        return "s3a" + path[2:] if path.startswith("s3://") else path

    def exists(self, table: str) -> bool:
        """Whether the table was ever written."""
        return bool(DeltaTable.is_deltatable(self.path(table), self.storage_options))

    def version(self, table: str) -> int:
        """Delta version of the table, -1 when it is missing."""
        return self.delta(table).version() if self.exists(table) else -1

    def partitions(self, table: str) -> set[str]:
        """The values of ``ds`` the table has rows for; empty when it is missing."""
        if not self.exists(table):
            return set()
        return {partition["ds"] for partition in self.delta(table).partitions()}

    def delta(self, table: str, version: int | None = None) -> DeltaTable:
        """The table as delta-rs sees it.

        Raises
        ------
        MissingTable
            When it was never written; the message names the stage that writes it.
        """
        if not self.exists(table):
            raise MissingTable(
                f"There is no table {table!r} under {self.url}: "
                f"`coverlift {WRITTEN_BY[table]}` (or `coverlift nightly`) writes it first."
            )
        return DeltaTable(self.path(table), version=version, storage_options=self.storage_options)

    # ------------------------------------------------------------------ reading

    def dataset(self, table: str, version: int | None = None) -> pads.Dataset:
        """The table as an Arrow dataset.

        A table in a local folder is read through Arrow's own file system: delta-rs would lend
        Arrow's threads Python objects, and a thread that gives one back while the interpreter
        ends takes the process down with it.

        Raises
        ------
        MissingTable
            When the table was never written.
        """
        delta = self.delta(table, version)
        folder = self.path(table).removeprefix("file://")
        own = None if "://" in folder else pafs.SubTreeFileSystem(folder, pafs.LocalFileSystem())
        return delta.to_pyarrow_dataset(filesystem=own)

    def read(
        self,
        table: str,
        *,
        ds: Days = None,
        columns: Sequence[str] | None = None,
        filters: Any = None,
        version: int | None = None,
    ) -> pa.Table:
        """Rows as an Arrow table, without Spark.

        Parameters
        ----------
        table
            Name of the table.
        ds
            One day or several; None reads all.
        columns
            Columns to read, in this order; None is all of them, in the order of the schema.
        filters
            Conditions that must all hold, like ``[("user_id", "in", ["u1", "u2"])]`` (or a list
            of such lists, of which one must hold).
        version
            Delta version to read; None is the newest.

        Returns
        -------
        pa.Table
            With the types of the table's spec; no rows where a partition is missing. A nullable column that the
            table, written by an older version, has not is null.

        Raises
        ------
        MissingTable
            When the table was never written.
        """
        spec = _spec(table)
        dataset = self.dataset(table, version)
        wanted = list(columns) if columns is not None else spec.schema.names
        fields = [spec.schema.field(name) for name in wanted]
        there = [field.name for field in fields if not field.nullable or field.name in dataset.schema.names]
        condition = pq.filters_to_expression(filters) if filters else None
        days = days_of(ds)
        if days is not None:
            in_days = pc.field("ds").isin(days)
            condition = in_days if condition is None else in_days & condition
        found = dataset.to_table(columns=there, filter=condition)
        arrays = [found[field.name] if field.name in there else pa.nulls(len(found), field.type) for field in fields]
        return pa.table(arrays, names=wanted).cast(pa.schema(fields))

    def frame(self, table: str, *, ds: Days = None) -> "DataFrame":
        """Rows as a Spark DataFrame.

        Raises
        ------
        MissingTable
            When the table was never written.
        """
        self.delta(table)
        found = self.spark.read.format("delta").load(self.spark_path(table))
        days = days_of(ds)
        return found if days is None else found.where(found["ds"].isin(days))

    # ------------------------------------------------------------------ writing

    def replace(self, data: "DataFrame | pa.Table", table: str, *, ds: Days = None, where: str | None = None) -> int:
        """Put rows in place of the ones that ``ds`` or ``where`` selects, in one transaction.

        Parameters
        ----------
        data
            Spark DataFrame or Arrow table with the columns of the spec; nullable columns, and
            ``ds`` where one day is given, may be left out.
        table
            Name of the table; it is created when missing.
        ds
            One day or several to replace; all rows of ``data`` must belong to them.
        where
            SQL condition that selects what is replaced instead. With neither, the whole of an
            unpartitioned table is replaced.

        Returns
        -------
        int
            Rows written.

        Raises
        ------
        ContractError
            When columns, NOT NULL, CHECK constraints or the condition refuse the rows; the table is as before.
        ValueError
            When neither ``ds`` nor ``where`` is given for a table partitioned by ds.
        """
        spec, days = _spec(table), days_of(ds)
        if days is None and where is None and "ds" in spec.partition_by:
            raise ValueError(f"replace({table!r}) needs ds or where: it would replace every day")
        condition = where if days is None else "ds IN (" + ", ".join(f"'{day}'" for day in days) + ")"
        frame = self._conformed(data, spec, days[0] if days and len(days) == 1 else None)
        self._ensure(spec)
        writer = frame.write.format("delta").mode("overwrite")
        if condition is not None:
            writer = writer.option("replaceWhere", condition)
        with explained(table):
            writer.save(self.spark_path(table))
        return data.num_rows if isinstance(data, pa.Table) else written_rows(self.delta(table))

    def append(self, data: pa.Table, table: str) -> None:
        """Add rows in one transaction, by delta-rs: for logs that must be written where no Spark runs.

        Parameters
        ----------
        data
            With the columns of the spec.
        table
            Name of the table; it is created when missing, without CHECK constraints.
        """
        spec = _spec(table)
        write_deltalake(
            self.path(table),
            data.select(spec.schema.names).cast(spec.schema),
            mode="append",
            partition_by=list(spec.partition_by),
            storage_options=self.storage_options,
        )

    def merge(self, data: "DataFrame | pa.Table", table: str, *, update: bool = False) -> int:
        """Insert the rows whose key is new, in one transaction.

        Parameters
        ----------
        data
            Spark DataFrame or Arrow table with the columns of the spec; rows that repeat a key count once.
        table
            Name of the table; it is created when missing.
        update
            Also overwrite the rows whose key is there already.

        Returns
        -------
        int
            Rows inserted and updated.

        Raises
        ------
        ContractError
            When columns, NOT NULL or CHECK constraints refuse the rows; the table is as before.
        ValueError
            When the table has no keys.
        """
        from delta.tables import DeltaTable as SparkDelta

        spec = _spec(table)
        if not spec.keys:
            raise ValueError(f"merge({table!r}) is impossible: the table has no keys; use replace")
        frame = self._conformed(data, spec, None).dropDuplicates(list(spec.keys))
        self._ensure(spec)
        before = self.version(table)
        same = " AND ".join(f"old.{key} = new.{key}" for key in spec.keys)
        target = SparkDelta.forPath(self.spark, self.spark_path(table)).alias("old")
        merging = target.merge(frame.alias("new"), same).whenNotMatchedInsertAll()
        if update:
            merging = merging.whenMatchedUpdateAll()
        with explained(table):
            merging.execute()
        after = self.delta(table)
        return written_rows(after) if after.version() > before else 0

    def delete(self, table: str, where: str) -> int:
        """Delete the rows that a SQL condition selects, in one transaction.

        Returns
        -------
        int
            Rows deleted.

        Raises
        ------
        MissingTable
            When the table was never written.
        """
        from delta.tables import DeltaTable as SparkDelta

        before = self.version(table)
        self.delta(table)
        with explained(table):
            SparkDelta.forPath(self.spark, self.spark_path(table)).delete(where)
        return deleted_rows(self.delta(table)) if self.version(table) > before else 0

    def _conformed(self, data: "DataFrame | pa.Table", spec: TableSpec, ds: str | None) -> "DataFrame":
        if not isinstance(data, pa.Table):
            return conform_frame(data, spec, ds)
        from pyspark.sql.pandas.types import from_arrow_schema

        table = conform_table(data, spec, ds)
        frame = self.spark.createDataFrame(table, schema=from_arrow_schema(spec.schema))
        return frame.coalesce(1)

    def _ensure(self, spec: TableSpec) -> None:
        if not self.exists(spec.name):
            create_table(self.spark, spec, self.spark_path(spec.name))
            logger.debug("created table %s", spec.name)
        else:
            renew_checks(self.spark, spec, self.spark_path(spec.name), self.delta(spec.name))
            renew_columns(self.spark, spec, self.spark_path(spec.name), self.delta(spec.name))


def _spec(table: str) -> TableSpec:
    if table not in TABLES:
        raise ValueError(f"There is no table {table!r}; the tables are {', '.join(sorted(TABLES))}")
    return TABLES[table]
