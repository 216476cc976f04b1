"""From what a file holds to the contract's types, as Spark expressions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.ingest.contract import MAPS, Field, Kind

if TYPE_CHECKING:
    from pyspark.sql import Column

SPARK_TYPES: dict[Kind, str] = {
    "string": "string",
    "timestamp": "timestamp",
    "int": "int",
    "long": "bigint",
    "double": "double",
    "bool": "boolean",
    "strings": "array<string>",
    "binary": "binary",
    "text by language": "map<string,string>",
    "words by language": "map<string,array<string>>",
}

ISO_8601 = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$"
MAX_DECIMAL = 38
"""Digits that Spark's decimals have."""
WHOLE = r"^[+-]?\d+(\.0+)?$"
"""Whole numbers; pandas writes a column with gaps as ``3.0``."""


def value_type(kind: pa.DataType) -> pa.DataType:
    """The type of the values behind a dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


PARQUET_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_uint64, "decimal(20,0)"),
    (pa.types.is_uint32, "bigint"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_uint8, "smallint"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_int32, "int"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_float64, "double"),
    (pa.types.is_float32, "float"),
    (pa.types.is_date32, "date"),
    (pa.types.is_string, "string"),
    (pa.types.is_large_string, "string"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_large_binary, "binary"),
)
"""What an Arrow type in Parquet is to Spark, for the types without parameters."""


def readable_type(kind: pa.DataType) -> str | None:
    """Spark's type of a Parquet column, None where Spark has none (a time of day, half precision, ...).

    Examples
    --------
    >>> readable_type(pa.list_(pa.string())), readable_type(pa.time64("us")), readable_type(pa.float16())
    ('array<string>', None, None)
    """
    kind = value_type(kind)
    if pa.types.is_timestamp(kind):
        return "bigint" if kind.unit == "ns" else ("timestamp" if kind.tz else "timestamp_ntz")
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})" if kind.precision <= MAX_DECIMAL else None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = readable_type(kind.value_type)
        return inner and f"array<{inner}>"
    if pa.types.is_struct(kind):
        parts = {kind.field(n).name: readable_type(kind.field(n).type) for n in range(kind.num_fields)}
        fields = ", ".join(f"{quoted(name)}: {part}" for name, part in parts.items())
        return None if None in parts.values() else f"struct<{fields}>"
    if pa.types.is_map(kind):
        key, value = readable_type(kind.key_type), readable_type(kind.item_type)
        return f"map<{key},{value}>" if key and value else None
    return next((name for matches, name in PARQUET_TYPES if matches(kind)), None)


def quoted(name: str) -> str:
    """A column's name as Spark SQL writes it.

    Examples
    --------
    >>> quoted("a`b")
    '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_exact(field: Field, kind: pa.DataType) -> bool:
    """Whether every value of an Arrow type is a value of the field as it is.

    Examples
    --------
    >>> is_exact(Field("position", "int"), pa.int32()), is_exact(Field("position", "int"), pa.int64())
    (True, False)
    """
    kind = value_type(kind)
    if field.kind == "string":
        return is_text(kind)
    if field.kind == "strings":
        return pa.types.is_list(kind) and is_text(value_type(kind.value_type))
    if field.kind == "binary":
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
    if field.kind == "timestamp":
        return pa.types.is_timestamp(kind) and kind.unit in ("us", "ms")
    if field.kind in MAPS:
        return _is_map(field.kind, kind)
    return bool(kind == {"int": pa.int32(), "long": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}[field.kind])


def parsed(field: Field, raw: "Column", kind: pa.DataType) -> tuple["Column", "Column | None"]:
    """The value in the contract's type, and whether there was one of a wrong type.

    Parameters
    ----------
    field
        The contract's field.
    raw
        The file's column.
    kind
        Its Arrow type.

    Returns
    -------
    tuple
        The typed column, null where the value is missing, empty or wrong; and a boolean column,
        or None where the type of the file leaves nothing to go wrong.
    """
    from pyspark.sql import functions as F

    target = SPARK_TYPES[field.kind]
    kind = value_type(kind)
    if is_exact(field, kind):
        return _native(field, raw, kind), None
    if field.kind == "timestamp" and pa.types.is_timestamp(kind):
        return _from_epoch(raw, kind), None
    if field.kind in MAPS and pa.types.is_struct(kind):  # pandas writes dictionaries so
        raw, kind = F.to_json(raw), pa.string()
    if field.kind == "binary" or (pa.types.is_nested(kind)) or (field.kind == "string" and not _names(kind)):
        return F.lit(None).cast(target), raw.isNotNull()
    text = raw.cast("string")
    text = F.when(F.trim(text) != "", text)
    value = _from_text(field.kind, text)
    return value, text.isNotNull() & value.isNull()


def _is_map(wanted: Kind, kind: pa.DataType) -> bool:
    """Whether an Arrow type maps text to text, or to lists of text."""
    if not pa.types.is_map(kind) or not is_text(kind.key_type):
        return False
    if wanted == "text by language":
        return is_text(kind.item_type)
    return bool(pa.types.is_list(kind.item_type)) and is_text(kind.item_type.value_type)


def _names(kind: pa.DataType) -> bool:
    """Types whose values may serve as an id: text and whole numbers."""
    return is_text(kind) or pa.types.is_integer(kind)


def _native(field: Field, raw: "Column", kind: pa.DataType) -> "Column":
    """A column that has the field's type; empty text and NaN count as null."""
    from pyspark.sql import functions as F

    if field.kind == "string":
        return F.when(F.trim(raw) != "", raw)
    if field.kind == "double":
        return F.when(~F.isnan(raw), raw)
    if field.kind == "timestamp" and kind.tz is None:
        return raw.cast("timestamp")  # without a zone it is UTC, the session's
    return raw


def _from_epoch(raw: "Column", kind: pa.DataType) -> "Column":
    """Timestamps that Spark reads as a number: nanoseconds. Seconds do not occur in Parquet."""
    from pyspark.sql import functions as F

    if kind.unit != "ns":
        return raw.cast("timestamp")
    exact = raw.cast("decimal(20,0)") / F.lit(1000).cast("decimal(4,0)")  # a double would round
    return F.timestamp_micros(F.floor(exact).cast("bigint"))


def _from_text(kind: Kind, text: "Column") -> "Column":
    """The value a text stands for, null where it stands for none."""
    from pyspark.sql import functions as F

    if kind == "timestamp":
        return F.when(text.rlike(ISO_8601), text).try_cast("timestamp")
    if kind in ("int", "long"):
        whole = F.when(text.rlike(WHOLE), text).try_cast("decimal(20,0)")
        return whole.try_cast(SPARK_TYPES[kind])
    if kind == "bool":
        lower = F.lower(F.trim(text))
        return F.when(lower.isin("true", "1"), F.lit(True)).when(lower.isin("false", "0"), F.lit(False))
    if kind == "double":
        number = text.try_cast("double")
        return F.when(~F.isnan(number) & (F.abs(number) != float("inf")), number)
    if kind == "strings":
        listed = F.from_json(text, "array<string>")
        return F.when(text.startswith("["), listed).otherwise(F.split(text, r"\|"))
    return F.when(text.startswith("{"), F.from_json(text, SPARK_TYPES[kind])) if kind in MAPS else text
