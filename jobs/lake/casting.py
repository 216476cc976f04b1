"""Making data fit a table's declared schema before it is written."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from conf.errors import ContractError
from jobs.lake.schema.spec import TableSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def check_columns(found: Sequence[str], spec: TableSpec, *, ds_given: bool) -> None:
    """Refuse unknown columns and missing required ones.

    Raises
    ------
    ContractError
        Naming the table and the columns.
    """
    unknown = sorted(set(found) - set(spec.schema.names))
    required = {field.name for field in spec.schema if not field.nullable} - ({"ds"} if ds_given else set())
    missing = sorted(required - set(found))
    if unknown or missing:
        complaints = [f"unknown columns {unknown}"] if unknown else []
        complaints += [f"missing columns {missing}"] if missing else []
        raise ContractError(f"Rows for table {spec.name!r} have {' and '.join(complaints)}; see jobs/lake/schema.")


def conform_table(data: pa.Table, spec: TableSpec, ds: str | None) -> pa.Table:
    """The Arrow table with the spec's columns, order and types.

    Missing nullable columns become nulls; a missing ``ds`` is filled with ``ds``.

    Raises
    ------
    ContractError
        When a column is unknown, missing, of a type that cannot be cast, or null where that is not allowed.
    """
    check_columns(data.column_names, spec, ds_given=ds is not None)
    columns = []
    for field in spec.schema:
        if field.name in data.column_names:
            columns.append(_cast_column(data[field.name], field, spec))
        else:
            value = pa.scalar(ds if field.name == "ds" else None, field.type)
            columns.append(pa.chunked_array([pa.repeat(value, data.num_rows)], field.type))
    return pa.Table.from_arrays(columns, schema=spec.schema)


def _cast_column(values: pa.ChunkedArray, field: pa.Field, spec: TableSpec) -> pa.ChunkedArray:
    if values.null_count and not field.nullable:
        raise ContractError(
            f"{spec.name}.{field.name} must not be null, but {values.null_count} of {len(values)} rows are"
        )
    try:
        return values.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ContractError(f"{spec.name}.{field.name} must be {field.type}: {error}") from error


def conform_frame(data: "DataFrame", spec: TableSpec, ds: str | None) -> "DataFrame":
    """The Spark DataFrame with the spec's columns, order and types; nulls are refused by Delta on write.

    Raises
    ------
    ContractError
        When a column is unknown or missing.
    """
    from pyspark.sql import functions
    from pyspark.sql.pandas.types import from_arrow_schema

    check_columns(data.columns, spec, ds_given=ds is not None)
    columns = []
    for field in from_arrow_schema(spec.schema).fields:
        if field.name in data.columns:
            columns.append(functions.col(field.name).cast(field.dataType).alias(field.name))
        else:
            value = functions.lit(ds if field.name == "ds" else None)
            columns.append(value.cast(field.dataType).alias(field.name))
    return data.select(*columns)
