"""Files as the world writes them: whatever they hold, a row is accepted or quarantined, or the error names the file."""

import json
from datetime import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import ContractError, TryAgainError
from jobs.ingest import stage
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


def test_a_day_that_the_calendar_lacks_is_refused(feed):
    source, context = feed("csv")
    (source.root / "impressions" / "ds=2026-02-30").mkdir()
    with pytest.raises(ContractError, match="ds=2026-02-30: name folders of days"):
        stage.run(context)
