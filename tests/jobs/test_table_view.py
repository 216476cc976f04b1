import io

import pytest
from rich.console import Console

from conf.errors import MissingTable, UsageError
from jobs.lake.lake import Lake
from jobs.table_view import abbreviated, describe, show


@pytest.fixture
def nowhere(tmp_path, spark_settings):
    return Lake(str(tmp_path / "lake"), spark_settings)


def test_an_unknown_table_names_the_nearest(nowhere):
    with pytest.raises(UsageError, match="did you mean 'segments'"):
        describe(nowhere, "segment", ds=None, limit=1)
    with pytest.raises(UsageError, match=r"the tables are .*impressions"):
        describe(nowhere, "xyz", ds=None, limit=1)


def test_a_table_that_was_never_written_is_missing(nowhere):
    with pytest.raises(MissingTable, match="coverlift features"):
        describe(nowhere, "segments", ds=None, limit=1)


def test_nested_values_are_abbreviated_inside():
    assert abbreviated([[0.5, 0.25, 1.0, 2.0], "a" * 41]) == f"[[0.5, 0.25, 1, ... 4 values], {'a' * 40}...]"


def test_many_partitions_are_shown_by_their_ends():
    found = {
        "table": "items",
        "grain": "an item",
        "url": "here",
        "version": 1,
        "count": 1200,
        "commits": [],
        "partitions": [f"ds=2026-03-{day:02d}" for day in range(1, 9)],
        "schema": {"tags": "list<string>"},
        "rows": [{"title": "[bold]"}],
    }
    console = Console(file=io.StringIO(), width=200)
    show(found, console)
    text = console.file.getvalue()
    assert "1,200 rows" in text
    assert "ds=2026-03-03, ... 8 in all ..., ds=2026-03-06" in text
    assert "ds=2026-03-04" not in text
    assert "[bold]" in text
