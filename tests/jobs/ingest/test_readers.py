from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import ContractError
from jobs.ingest.contract import ITEMS
from jobs.ingest.readers import InputFolder, read_source


def item(number, **changes):
    return {"item_id": f"i{number}", "title": "t", "category": "c", "tags": "a|b", "created_at": None} | changes


def test_files_of_different_schemas_become_one_frame(tmp_path, spark_lake):
    (tmp_path / "items").mkdir()
    created = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    nanoseconds = int(created.timestamp()) * 10**9 + 678_901_999
    tables = {
        "a": {"created_at": pa.array([created], pa.timestamp("us", tz="UTC")), "item_id": pa.array(["1"])},
        "b": {"created_at": pa.array([nanoseconds], pa.timestamp("ns", tz="UTC")), "item_id": pa.array([2])},
        "c": {"created_at": pa.array(["2026-01-02T03:04:05.678901Z"]), "item_id": pa.array(["3"]).dictionary_encode()},
    }
    for name, columns in tables.items():
        table = pa.table(columns | {"title": ["t"], "category": ["c"], "tags": [["x"]], "extra": [1.5]})
        pq.write_table(table, tmp_path / "items" / f"{name}.parquet")
    raw = read_source(spark_lake.spark, InputFolder(str(tmp_path), {}, "parquet"), ITEMS, ["items"])
    rows = sorted(raw.frame.toArrow().to_pylist(), key=lambda row: row["item_id"])
    assert raw.rows == 3
    assert [row["item_id"] for row in rows] == ["1", "2", "3"]
    assert {row["created_at"] for row in rows} == {created}
    assert {tuple(row["tags"]) for row in rows} == {("x",)}
    assert not any(row["_bad"] for row in rows)
    assert all('"extra":1.5' in row["_line"] for row in rows)


def test_csv_columns_in_any_order_with_a_byte_order_mark(tmp_path, spark_lake):
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "a.csv").write_text(
        '\ufeffitem_id,title,category,tags,created_at\r\n1,"x, ""y""",c,a|b,2026-01-01T00:00:00Z\r\n\r\n',
        encoding="utf-8",
    )
    (tmp_path / "items" / "b.csv").write_text("title,created_at,item_id\nz,2026-01-01T00:00:00Z,2\n")
    raw = read_source(spark_lake.spark, InputFolder(str(tmp_path), {}, "csv"), ITEMS, ["items"])
    rows = {row["item_id"]: row for row in raw.frame.toArrow().to_pylist()}
    assert raw.rows == len(rows) == 2
    assert (rows["1"]["title"], rows["1"]["tags"]) == ('x, "y"', ["a", "b"])
    assert (rows["2"]["title"], rows["2"]["category"]) == ("z", None)


def test_days_and_hidden_files(tmp_path):
    for name in ("impressions/ds=2026-03-02/a.csv", "impressions/ds=2026-03-01/_SUCCESS", "impressions/.new/b.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("x\n")
    folder = InputFolder(str(tmp_path), {}, "csv")
    assert folder.days() == ["2026-03-01", "2026-03-02"]
    assert folder.files("impressions/ds=2026-03-01") == []
    assert folder.files("items") == []


def test_a_day_that_is_no_date_is_refused(tmp_path):
    (tmp_path / "impressions" / "ds=2026-3-5").mkdir(parents=True)
    with pytest.raises(ContractError, match=r"ds=2026-3-5: name folders"):
        InputFolder(str(tmp_path), {}, "csv").days()


@pytest.mark.parametrize(
    ("name", "content", "form", "words"),
    [
        ("a.csv", "x", "jsonl", "set ingest.format"),
        ("a.parquet", "no parquet", "parquet", "no readable Parquet"),
        ("a.csv", "item_id,item_id\n1,2\n", "csv", "every column once"),
    ],
)
def test_unusable_files_name_themselves(tmp_path, name, content, form, words, spark_lake):
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / name).write_text(content)
    with pytest.raises(ContractError, match=words) as raised:
        read_source(spark_lake.spark, InputFolder(str(tmp_path), {}, form), ITEMS, ["items"])
    assert name in str(raised.value)
