"""Every table with its schema and constraints, in a real lake."""

from dataclasses import replace

import pytest

from conf.errors import ContractError
from jobs.lake.schema.tables import TABLES
from tests.support.worlds.samples import DAY, sample

NEXT = "2026-03-03"


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_comes_back_as_it_went_in(spark_lake, table):
    rows = sample(table)
    replaced = {"ds": DAY} if "ds" in TABLES[table].partition_by else {}
    assert spark_lake.replace(rows, table, **replaced) == 1
    assert spark_lake.read(table).to_pylist() == rows.to_pylist()
    assert spark_lake.read(table).schema.equals(TABLES[table].schema)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"position": 0}, "position_positive"),
        ({"propensity": 1.5}, "propensity_range"),
        ({"user_id": None}, "user_id"),
        ({"ds": NEXT}, "ds"),
    ],
)
def test_bad_rows_are_refused_by_delta_and_the_old_rows_stay(spark_lake, changes, complaint):
    spark_lake.replace(sample("impressions"), "impressions", ds=DAY)
    before = spark_lake.version("impressions")
    as_frame = spark_lake.spark.createDataFrame(sample("impressions", **changes))
    with pytest.raises(ContractError, match=complaint):
        spark_lake.replace(as_frame, "impressions", ds=DAY)
    assert spark_lake.version("impressions") == before
    assert spark_lake.read("impressions", ds=DAY).to_pylist() == sample("impressions").to_pylist()


def test_a_constraint_that_got_another_name_is_renewed_in_tables_that_exist(new_lake, monkeypatch):
    spec = TABLES["cover_decisions"]
    older = {**spec.checks, "decision_known": "decision IN ('approve', 'reject', 'takedown')"}
    older.pop("decision_kind")
    with monkeypatch.context() as patched:
        patched.setitem(TABLES, spec.name, replace(spec, checks=older))
        new_lake.merge(sample(spec.name, decision="approve"), spec.name)
        with pytest.raises(ContractError, match="decision_known"):
            new_lake.merge(sample(spec.name, decision="ask", decision_id="2"), spec.name)
    assert new_lake.merge(sample(spec.name, decision="ask", decision_id="2"), spec.name) == 1
    with pytest.raises(ContractError, match="decision_kind"):
        new_lake.merge(sample(spec.name, decision="maybe", decision_id="3"), spec.name)


def test_a_table_of_an_older_version_gets_the_nullable_columns_it_lacks(new_lake, monkeypatch):
    spec = TABLES["generation_plan"]
    older = [column for column in spec.columns if column.name not in ("history_id", "tokens")]
    row = sample(spec.name, ds="2026-03-01").select([column.name for column in older])
    with monkeypatch.context() as patched:
        patched.setitem(TABLES, spec.name, replace(spec, columns=older))
        new_lake.replace(row, spec.name, ds="2026-03-01")
    told = sample(spec.name, ds="2026-03-02", history_id="ab", tokens=[1, -1])
    assert new_lake.replace(told, spec.name, ds="2026-03-02") == 1
    found = new_lake.read(spec.name, columns=["ds", "history_id", "tokens"]).sort_by("ds").to_pylist()
    assert found == [
        {"ds": "2026-03-01", "history_id": None, "tokens": None},
        {"ds": "2026-03-02", "history_id": "ab", "tokens": [1, -1]},
    ]
