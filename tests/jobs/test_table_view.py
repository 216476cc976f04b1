import io
from pathlib import Path

import pytest
from rich.console import Console

from conf.errors import MissingTable, UsageError
from jobs.lake.lake import Lake
from jobs.lake.schema.tables import TABLES
from jobs.table_view import abbreviated, describe, page, section, show

DOCS = Path(__file__).parents[2] / "docs"


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
        "columns": [{"name": "tags", "type": "list<string>", "about": "words", "null": "none given"}],
        "rows": [{"title": "[bold]"}],
    }
    console = Console(file=io.StringIO(), width=200)
    show(found, console)
    text = console.file.getvalue()
    assert "1,200 rows" in text
    assert "ds=2026-03-03, ... 8 in all ..., ds=2026-03-06" in text
    assert "ds=2026-03-04" not in text
    assert "[bold]" in text
    assert "words. Null: none given." in text


def test_the_page_of_all_tables_is_what_the_command_prints():
    written = (DOCS / "tables.md").read_text(encoding="utf-8")
    assert written == page() + "\n", "coverlift inspect --schema > docs/tables.md"


@pytest.mark.parametrize("spec", TABLES.values(), ids=TABLES)
def test_every_column_says_what_it_holds_and_what_null_means(spec):
    text = section(spec)
    for column in spec.columns:
        assert len(column.about) > 2, column.name
        assert column.null is None or len(column.null) > 4, column.name
        assert f"| {column.name} | " in text
    assert set(spec.keys) | set(spec.partition_by) <= {column.name for column in spec.columns}
    assert len({column.name for column in spec.columns}) == len(spec.columns)
