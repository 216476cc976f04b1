from datetime import UTC, datetime

import pyarrow as pa
import pytest

from jobs.ingest.contract import Field
from jobs.ingest.parsing import parsed

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)

CASES = {
    "timestamp": [
        ("2026-03-05T12:00:00Z", NOON),
        ("2026-03-05 12:00:00", NOON),
        ("2026-03-05T14:00:00.0+02:00", NOON),
        ("2026-03-05T12:00:00.000007Z", NOON.replace(microsecond=7)),
        ("2026-03-05", "bad"),
        ("2026-02-30T12:00:00Z", "bad"),
        ("1772712000", "bad"),
    ],
    "int": [("7", 7), ("-3", -3), ("7.0", 7), ("7.5", "bad"), ("1e3", "bad"), ("2147483648", "bad"), (" ", None)],
    "long": [("2147483648", 2147483648), ("99999999999999999999", "bad"), ("x", "bad")],
    "bool": [("true", True), ("FALSE", False), ("1", True), ("0", False), ("yes", "bad"), ("2", "bad")],
    "double": [("0.25", 0.25), ("1e-3", 0.001), ("NaN", "bad"), ("inf", "bad"), ("half", "bad"), ("", None)],
    "strings": [('["a", "b|c"]', ["a", "b|c"]), ("a|b", ["a", "b"]), ("a", ["a"]), ('["a', "bad")],
    "string": [("x", "x"), ("", None), (None, None)],
    "text by language": [('{"en": "fox"}', {"en": "fox"}), ("{}", {}), ("fox", "bad"), ('{"en": ', "bad"), ("", None)],
    "words by language": [('{"en": ["a", "b|c"], "de": []}', {"en": ["a", "b|c"], "de": []}), ("a|b", "bad")],
}


def outcome(spark, kind, arrow_type, values):
    """Value, or "bad" for a value of a wrong type."""
    from pyspark.sql import functions as F

    frame = spark.createDataFrame(pa.table({"n": list(range(len(values))), "raw": pa.array(values, arrow_type)}))
    value, bad = parsed(Field("raw", kind), F.col("raw"), arrow_type)
    shown = F.unix_micros(value) if kind == "timestamp" else value
    rows = frame.select("n", shown.alias("value"), (F.lit(False) if bad is None else bad).alias("bad")).collect()
    found = ["bad" if row["bad"] else row["value"] for row in sorted(rows, key=lambda row: row["n"])]
    if kind == "timestamp":
        return [datetime.fromtimestamp(v / 1e6, UTC) if isinstance(v, int) else v for v in found]
    return found


@pytest.mark.parametrize("kind", CASES)
def test_text(kind, spark_lake):
    texts, expected = zip(*CASES[kind], strict=True)
    assert outcome(spark_lake.spark, kind, pa.string(), list(texts)) == list(expected)


@pytest.mark.parametrize(
    ("kind", "arrow_type", "values", "expected"),
    [
        ("int", pa.int64(), [1, 2**31, None], [1, "bad", None]),
        ("int", pa.float64(), [3.0, 3.5], [3, "bad"]),
        ("bool", pa.int64(), [0, 1, 2], [False, True, "bad"]),
        ("string", pa.int64(), [42], ["42"]),
        ("string", pa.float64(), [4.5, None], ["bad", None]),
        ("double", pa.float64(), [0.5, float("nan")], [0.5, None]),
        ("timestamp", pa.timestamp("us"), [NOON.replace(tzinfo=None)], [NOON]),
        ("timestamp", pa.int64(), [5], ["bad"]),
        ("strings", pa.list_(pa.string()), [["a"], None], [["a"], None]),
        ("strings", pa.list_(pa.int64()), [[1]], ["bad"]),
        ("text by language", pa.map_(pa.string(), pa.string()), [[("en", "fox")], None], [{"en": "fox"}, None]),
        ("text by language", pa.struct([("en", pa.string())]), [{"en": "fox"}, None], [{"en": "fox"}, None]),
        ("text by language", pa.map_(pa.string(), pa.int64()), [[("en", 1)]], ["bad"]),
        ("words by language", pa.map_(pa.string(), pa.list_(pa.string())), [[("en", ["a"])]], [{"en": ["a"]}]),
        ("words by language", pa.struct([("en", pa.list_(pa.string()))]), [{"en": ["a"]}], [{"en": ["a"]}]),
    ],
)
def test_typed_columns(kind, arrow_type, values, expected, spark_lake):
    assert outcome(spark_lake.spark, kind, arrow_type, values) == expected
