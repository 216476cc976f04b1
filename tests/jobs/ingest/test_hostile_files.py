"""Files as the world writes them: whatever they hold, a row is accepted or quarantined, or the error names the file."""

import json
from datetime import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import ContractError, TryAgainError
from jobs.ingest import stage
from jobs.ingest.contract import IMPRESSIONS
from jobs.ingest.readers import InputFolder, open_files, read_source
from tests.support.worlds.small_input import DS, as_table, sha

GENEROUS = {"source": "files", "max_quarantine_share": 1.0}


@pytest.fixture
def feed(small_input, make_context):
    """``feed("csv")``: a whole small input of one day with twelve impressions, and the context that ingests it."""

    def make(form):
        source = small_input(form)
        source.write_catalogue()
        source.write_day([source.impression(number) for number in range(12)])
        return source, make_context(ds=DS, ingest=GENEROUS | {"format": form})

    return make


def refused(context):
    rows = context.lake.read("quarantine").to_pylist()
    return sorted((row["source"], *row["reasons"]) for row in rows)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_in_subfolders_of_a_day_are_read(feed, form):
    source, context = feed(form)
    for hour in (3, 4):
        rows = [source.impression(number) for number in range(20 * hour, 20 * hour + 5)]
        source.write_day(rows, name=f"hour={hour:02d}/part-0")
    assert stage.run(context).rows == {"impressions": 22, "items": 3, "covers": 4, "quarantine": 0}


def test_a_day_without_files_has_not_arrived_unless_it_is_marked_complete(feed, make_context):
    source, _ = feed("csv")
    empty = source.root / "impressions" / "ds=2026-03-06"
    (empty / ".staging").mkdir(parents=True)
    (empty / ".staging" / "part-0.csv").write_text("half")
    context = make_context(ds="2026-03-06", ingest=GENEROUS | {"format": "csv"})
    with pytest.raises(TryAgainError, match="2026-03-06"):
        stage.run(context)
    (empty / "_SUCCESS").touch()
    assert stage.run(context).rows["impressions"] == 12


def test_a_picture_that_no_file_system_finds_is_that_rows_fault(feed):
    source, context = feed("jsonl")
    files = source.root / "covers" / "files"
    (files / "circle.png").symlink_to("circle.png")
    paths = ["circle.png", f"{sha(source.pictures['red'])}.png/below.png", "x" * 5_000, "nul\0.png", "."]
    for number, path in enumerate(paths):
        source.covers.append({"cover_id": f"{number}" * 64, "item_id": "i1", "is_default": False, "path": path})
    source.write_catalogue()
    assert stage.run(context).rows == {"impressions": 12, "items": 3, "covers": 4, "quarantine": 5}
    assert refused(context) == [("covers", "unreadable_image")] * 5


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_another_encoding_is_named_or_quarantined_row_by_row(feed, form, encoding):
    source, context = feed(form)
    path = source.root / "items" / f"part-0.{form}"
    text = path.read_text().replace("Item, number 2", "Fée, numéro 2")
    if form == "jsonl":
        text = "".join(json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in text.splitlines())
    path.write_bytes(text.encode(encoding))
    if encoding == "latin-1":  # the first line is plain ASCII, so rows tell
        stage.run(context)
        found = context.lake.read("quarantine").to_pylist()
        assert [row["reasons"] for row in found if row["source"] == "items"] == [["malformed_row"]]
        assert "num" in found[0]["row"]
        assert sorted(context.lake.read("items")["item_id"].to_pylist()) == ["i1", "i3"]
    else:
        with pytest.raises(ContractError, match=r"part-0\.\w+ is no text in UTF-8"):
            stage.run(context)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_columns_that_differ_in_case_only_are_named(feed, form):
    source, context = feed(form)
    rows = [source.impression(number) | {"USER_ID": "u"} for number in range(3)]
    source.write_day(rows, name="part-1")
    with pytest.raises(ContractError, match=r"part-1\.\w+: name every column once.*'USER_ID'"):
        stage.run(context)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_further_columns_may_have_any_name(feed, form):
    source, context = feed(form)
    odd = ["_corrupt", "a`b", "_value", "_file", "_parts", "_metadata", "a.b", "value", "ds", "_bad", " x"]
    good = source.impression(40) | dict.fromkeys(odd, "kept")
    source.write_day([good, source.impression(41, position="third") | dict.fromkeys(odd, "kept")], name="part-1")
    assert stage.run(context).rows["impressions"] == 13, refused(context)
    assert refused(context) == [("impressions", "bad_type", "missing_key")]
    row = json.loads(context.lake.read("quarantine")["row"][0].as_py())
    assert {name.strip(): row.get(name, row.get(name.strip())) for name in odd} == {n.strip(): "kept" for n in odd}


def test_further_parquet_columns_may_have_types_that_spark_lacks(feed):
    source, context = feed("parquet")
    rows = as_table([source.impression(number) for number in range(40, 43)])
    rows = rows.append_column("at", pa.array([time(3)] * 3, pa.time64("us")))
    rows = rows.append_column("half", pa.array(np.ones(3, np.float16)))
    rows = rows.append_column("nothing", pa.nulls(3))
    rows = rows.append_column("deep", pa.array([{"a": 1, "b": ["x"]}] * 3))
    pq.write_table(rows, source.root / f"impressions/ds={DS}/part-1.parquet")
    assert stage.run(context).rows == {"impressions": 15, "items": 3, "covers": 4, "quarantine": 0}


def test_a_column_of_the_contract_in_such_a_type_is_a_bad_type(feed):
    source, context = feed("parquet")
    rows = as_table([source.impression(number) for number in range(40, 43)])
    place = rows.column_names.index("dwell_ms")
    rows = rows.set_column(place, "dwell_ms", pa.array([time(3)] * 3, pa.time64("us")))
    pq.write_table(rows, source.root / f"impressions/ds={DS}/part-1.parquet")
    assert stage.run(context).rows["impressions"] == 12
    assert refused(context) == [("impressions", "bad_type")] * 3


def test_a_damaged_page_names_the_file(feed):
    source, context = feed("parquet")
    path = source.root / f"impressions/ds={DS}/part-0.parquet"
    data = bytearray(path.read_bytes())
    data[4:400] = b"\xff" * 396
    path.write_bytes(bytes(data))
    with pytest.raises(ContractError, match=r"part-0\.parquet is damaged"):
        stage.run(context)
    assert not context.lake.exists("impressions")


def test_a_place_outside_its_dictionary_names_the_file(feed):
    source, context = feed("parquet")
    path = source.root / f"impressions/ds={DS}/part-1.parquet"
    rows = as_table([source.impression(number, user_id=f"user {number}") for number in range(20, 60)])
    pq.write_table(rows, path, compression="none")
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(rows.column_names.index("user_id"))
    end = chunk.dictionary_page_offset + chunk.total_compressed_size
    data = bytearray(path.read_bytes())
    data[end - 20 : end] = b"\xff" * 20  # 63 instead of 0 to 39
    path.write_bytes(bytes(data))
    with pytest.raises(ContractError, match=r"part-1\.parquet is damaged"):
        stage.run(context)
    assert not context.lake.exists("impressions")


@pytest.mark.parametrize("name", ["a[1]", "a*", "{a,b}", "what?", "back\\slash", "50%20", "#1", "item_id=i3"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_names_of_folders_and_files_are_no_patterns(small_input, form, name, spark_lake):
    source = small_input(form)
    source.write_day([source.impression(1)], name=f"{name}/{name}")
    source.write_day([source.impression(2)], name="a1/b")
    folder = InputFolder(str(source.root), {}, form)
    raw = read_source(spark_lake.spark, folder, IMPRESSIONS, [f"impressions/ds={DS}"])
    found = {(row["impression_id"], row["ds"], row["item_id"]) for row in raw.frame.collect()}
    assert found == {(f"{DS}-1", DS, "i1"), (f"{DS}-2", DS, "i2")}


def test_the_day_is_of_the_folder_below_impressions(small_input, tmp_path, spark_lake):
    source = small_input("csv")
    source.root = tmp_path / "ds=2026-01-01" / "input"
    source.write_day([source.impression(1)])
    folder = InputFolder(str(source.root), {}, "csv")
    raw = read_source(spark_lake.spark, folder, IMPRESSIONS, [f"impressions/ds={DS}"])
    assert [row["ds"] for row in raw.frame.collect()] == [DS]


@pytest.mark.parametrize(
    "name", ["part-0.csv", "DS=2026-03-05/part-0.csv", "2026-03-05/part-0.csv", "hour=3/part-0.csv"]
)
def test_what_lies_beside_the_folders_of_days_is_not_lost(small_input, name):
    source = small_input("csv")
    source.write_day([source.impression(1)])
    path = source.root / "impressions" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("impression_id\n1\n")
    with pytest.raises(ContractError, match=f"impressions/{name.partition('/')[0]}: name folders of days"):
        InputFolder(str(source.root), {}, "csv").days()


def test_a_file_in_the_place_of_a_folder_is_not_lost(small_input):
    source = small_input("csv")
    source.write_day([source.impression(1)])
    (source.root / "items").write_text("item_id\n1\n")
    (source.root / "impressions" / "ds=2026-03-04").write_text("impression_id\n1\n")
    folder = InputFolder(str(source.root), {}, "csv")
    with pytest.raises(ContractError, match="items is a file: put"):
        folder.files("items")
    with pytest.raises(ContractError, match="ds=2026-03-04 is a file: put"):
        folder.days()


def test_a_link_to_nowhere_names_itself(small_input):
    source = small_input("csv")
    source.write_day([source.impression(1)])
    (source.root / f"impressions/ds={DS}/part-1.csv").symlink_to("nowhere.csv")
    with pytest.raises(ContractError, match=r"part-1\.csv cannot be read"):
        open_files(InputFolder(str(source.root), {}, "csv"), [f"impressions/ds={DS}"])


def test_lines_may_end_in_carriage_returns_alone(small_input, spark_lake):
    source = small_input("csv")
    source.write_day([source.impression(number) for number in range(3)])
    path = source.root / f"impressions/ds={DS}/part-0.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    folder = InputFolder(str(source.root), {}, "csv")
    raw = read_source(spark_lake.spark, folder, IMPRESSIONS, [f"impressions/ds={DS}"])
    assert sorted(row["user_id"] for row in raw.frame.collect()) == ["u0", "u1", "u2"]


def test_a_day_that_the_calendar_lacks_is_refused(feed):
    source, context = feed("csv")
    (source.root / "impressions" / "ds=2026-02-30").mkdir()
    with pytest.raises(ContractError, match="ds=2026-02-30: name folders of days"):
        stage.run(context)
