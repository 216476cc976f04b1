import json

import polars as pl
import pyarrow.parquet as pq
import pytest

from conf.errors import UsageError
from jobs.ingest.importers import output
from jobs.ingest.importers.output import MARKER, Quarantine, Staging, staging_of, write_table
from jobs.ingest.importers.rows import REFUSED


def bad(*rows):
    return pl.DataFrame({"row": rows, "reasons": [["x"]] * len(rows)}, schema=REFUSED)


def test_tables_have_plain_types(tmp_path):
    write_table(pl.DataFrame({"a": ["x"], "b": [["y"]]}), tmp_path / "t" / "a.parquet")
    assert [str(field.type) for field in pq.read_schema(tmp_path / "t" / "a.parquet")] == [
        "string",
        "list<element: string>",
    ]
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["a.parquet"]


def test_refused_rows_are_written_in_parts_and_a_new_try_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "REFUSED_ROWS", 2)
    for _ in range(2):
        quarantine = Quarantine(tmp_path, "log")
        quarantine.add(bad("1", "2", "3"))
        quarantine.add(bad("4"))
        quarantine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log-00000.parquet", "log-00001.parquet"]
    assert pl.read_parquet(tmp_path / "*.parquet")["row"].to_list() == ["1", "2", "3", "4"]


def test_a_step_is_done_once_for_one_recipe(tmp_path):
    def work(tally):
        tally.accepted += 7

    first = Staging(tmp_path / "out", {"a": 1})
    assert (first.resumed, first.once("items", work).accepted) == (False, 7)
    again = Staging(tmp_path / "out", {"a": 1})
    assert (again.resumed, again.once("items", None).accepted) == (True, 7)
    other = Staging(tmp_path / "out", {"a": 2})
    assert not other.resumed
    with pytest.raises(TypeError):
        other.once("items", None)


def test_the_output_appears_whole_and_replaces_an_earlier_one(tmp_path):
    for number in range(2):
        staging = Staging(tmp_path / "out", {"a": number})
        (staging.feed / f"file{number}").write_text("x")
        assert not (tmp_path / "out" / f"file{number}").exists()
        staging.finish({"name": "set"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["file1", MARKER]
    assert json.loads((tmp_path / "out" / MARKER).read_text()) == {"name": "set"}


def test_killed_after_the_swap_the_next_import_begins_anew(tmp_path):
    staging = Staging(tmp_path / "out", {"a": 1})
    staging.once("items", lambda tally: None)
    staging.feed.rename(tmp_path / "out")
    (tmp_path / "out" / MARKER).write_text("{}")
    assert not Staging(tmp_path / "out", {"a": 1}).resumed


def test_files_of_somebody_else_are_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    assert staging_of(tmp_path / "out").name == ".out.importing"
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="holds files that no import wrote"):
        staging_of(tmp_path / "out")
    with pytest.raises(UsageError, match="holds files that no import wrote"):
        staging_of(tmp_path / "out" / "mine.txt")
