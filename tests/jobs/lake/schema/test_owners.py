"""Which stage fills a table first."""

from jobs.lake.schema.owners import CLICK_MODEL_TABLES, WRITTEN_BY, filled_by
from jobs.lake.schema.tables import TABLES


def test_every_table_has_one_stage_that_fills_it_first():
    assert set(WRITTEN_BY) == set(TABLES)
    assert sorted(table for stage in set(WRITTEN_BY.values()) for table in filled_by(stage)) == sorted(TABLES)


def test_the_click_model_reads_tables_of_the_stages_before_it():
    assert {WRITTEN_BY[table] for table in CLICK_MODEL_TABLES} == {"ingest", "encode", "features"}
