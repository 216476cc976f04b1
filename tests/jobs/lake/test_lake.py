"""Delta through Spark, read back by delta-rs: nothing here is a stand-in."""

import subprocess
import sys
from datetime import date

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from conf.errors import ContractError, MissingTable
from conf.settings import SparkSettings
from jobs.lake.lake import Lake, days_of
from jobs.lake.schema.tables import TABLES
from tests.support.worlds.samples import DAY, sample

NEXT = "2026-03-03"


@pytest.fixture(scope="module")
def features(spark_lake, tmp_path_factory):
    """A lake whose user_features has one user on each of two days."""
    lake = Lake(str(tmp_path_factory.mktemp("features")), spark_lake.spark_settings)
    lake.replace(sample("user_features", user_id="ann"), "user_features", ds=DAY)
    lake.replace(sample("user_features", user_id="bob", ds=NEXT), "user_features", ds=NEXT)
    return lake


def test_one_commit_creates_and_one_writes(features):
    assert features.version("user_features") == 2
    configuration = DeltaTable(features.path("user_features")).metadata().configuration
    assert configuration["delta.enableDeletionVectors"] == "false"
    assert configuration["delta.constraints.ds_is_date"] == TABLES["user_features"].checks["ds_is_date"]


def test_spark_and_delta_rs_read_the_same_maps_and_vectors(features):
    (by_spark,) = features.frame("user_features", ds=DAY).collect()
    (by_arrow,) = features.read("user_features", ds=DAY).to_pylist()
    assert by_spark["category_affinity"] == {"food": 0.75} == dict(by_arrow["category_affinity"])
    assert by_spark["pref_embedding"] == [0.5, 0.5] == by_arrow["pref_embedding"]


def test_replace_is_idempotent_and_leaves_other_days(features):
    assert features.replace(sample("user_features", user_id="cid"), "user_features", ds=date(2026, 3, 2)) == 1
    assert features.replace(sample("user_features", user_id="cid"), "user_features", ds=DAY) == 1
    found = features.read("user_features", columns=["user_id", "ds"]).sort_by("ds").to_pylist()
    assert found == [{"user_id": "cid", "ds": DAY}, {"user_id": "bob", "ds": NEXT}]
    assert features.partitions("user_features") == {DAY, NEXT}


def test_filters_on_booleans_and_times_find_their_rows(new_lake):
    rows = sample("impressions", 3, impression_id=["a", "b", "c"], clicked=[True, False, False])
    new_lake.replace(rows, "impressions", ds=DAY)
    assert new_lake.read("impressions", ds=DAY, filters=[("clicked", "==", True)])["impression_id"].to_pylist() == ["a"]
    assert new_lake.read("impressions", filters=[("clicked", "==", False)]).num_rows == 2
    moment = rows["ts"][0].as_py()
    assert new_lake.read("impressions", filters=[("ts", ">=", moment)]).num_rows == 3
    assert new_lake.read("impressions", filters=[("ts", ">", moment)]).num_rows == 0
    either = [[("impression_id", "==", "a")], [("impression_id", "in", ["c"])]]
    assert new_lake.read("impressions", filters=either, columns=["impression_id"]).num_rows == 2


def test_an_older_version_can_be_read(features):
    first = features.read("user_features", version=1)
    assert first["user_id"].to_pylist() == ["ann"]


def test_replace_takes_several_days_and_a_dataframe(new_lake):
    rows = sample("user_segments", 2, ds=[DAY, NEXT])
    assert new_lake.replace(rows, "user_segments", ds=[DAY, NEXT]) == 2
    doubled = new_lake.frame("user_segments").selectExpr("ds", "user_id", "segment_id", "distance * 2 AS distance")
    assert new_lake.replace(doubled, "user_segments", ds=[DAY, NEXT]) == 2
    assert new_lake.read("user_segments", ds=NEXT)["distance"].to_pylist() == [1.0]
    assert new_lake.replace(rows.slice(0, 0), "user_segments", ds=NEXT) == 0
    assert new_lake.partitions("user_segments") == {DAY}


def test_replace_where_touches_only_what_it_names(new_lake):
    new_lake.replace(sample("ranking_lift", 2, metric=["auc", "ndcg"]), "ranking_lift", ds=DAY)
    changed = sample("ranking_lift", metric="auc", value=0.9)
    assert new_lake.replace(changed, "ranking_lift", where=f"ds = '{DAY}' AND metric = 'auc'") == 1
    found = new_lake.read("ranking_lift", columns=["metric", "value"]).sort_by("metric").to_pylist()
    assert found == [{"metric": "auc", "value": 0.9}, {"metric": "ndcg", "value": 0.5}]


def test_merge_inserts_once_and_updates_when_asked(new_lake):
    rows = sample("items", 3, item_id=["a", "a", "b"], title="old")
    assert new_lake.merge(rows, "items") == 2
    assert new_lake.merge(sample("items", 2, item_id=["b", "c"], title="new"), "items") == 1
    titles = {row["item_id"]: row["title"] for row in new_lake.read("items").to_pylist()}
    assert titles == {"a": "old", "b": "old", "c": "new"}
    assert new_lake.merge(sample("items", item_id="b", title="new"), "items", update=True) == 1
    assert new_lake.read("items", filters=[("item_id", "in", ["b"])])["title"].to_pylist() == ["new"]


def test_a_nullable_column_that_an_older_version_did_not_write_is_null(new_lake):
    new_lake.merge(sample("items", item_id="a", labels=[[("en", "fox")]]), "items")
    old = new_lake.read("items").drop_columns(["labels", "words"])
    write_deltalake(new_lake.path("items"), old, mode="overwrite", schema_mode="overwrite")
    found = new_lake.read("items", columns=["labels", "item_id"])
    assert found.column_names == ["labels", "item_id"]
    assert found.to_pylist() == [{"labels": None, "item_id": "a"}]
    assert new_lake.read("items").schema.names == TABLES["items"].schema.names


def test_delete_takes_away_what_it_names(new_lake):
    new_lake.replace(sample("user_segments", 3, user_id=["a", "b", "c"]), "user_segments", ds=DAY)
    assert new_lake.delete("user_segments", f"ds >= '{DAY}' AND user_id IN ('a', 'b')") == 2
    assert new_lake.delete("user_segments", "user_id = 'a'") == 0
    assert new_lake.read("user_segments")["user_id"].to_pylist() == ["c"]


def test_ds_and_nullable_columns_may_be_left_out(new_lake):
    rows = sample("impressions").drop_columns(["ds", "title", "dwell_ms"])
    assert new_lake.replace(rows, "impressions", ds=DAY) == 1
    (row,) = new_lake.read("impressions").to_pylist()
    assert (row["ds"], row["title"], row["dwell_ms"], row["propensity"]) == (DAY, None, None, 0.5)


def test_arrow_rows_are_refused_before_spark_sees_them(spark_lake):
    with pytest.raises(ContractError, match=r"impressions.user_id must not be null, but 1 of 1"):
        spark_lake.replace(sample("impressions", user_id=None), "impressions", ds=DAY)
    renamed = sample("user_segments").rename_columns(["ds", "user_id", "extra", "distance"])
    with pytest.raises(ContractError, match=r"unknown columns \['extra'\] and missing columns \['segment_id'\]"):
        spark_lake.replace(renamed, "user_segments", ds=DAY)
    wrong = sample("user_segments").set_column(3, "distance", pa.array(["far"]))
    with pytest.raises(ContractError, match=r"user_segments.distance must be double"):
        spark_lake.replace(wrong, "user_segments", ds=DAY)


def test_a_missing_table_names_the_stage_that_writes_it(tmp_path):
    lake = Lake(str(tmp_path), SparkSettings())
    assert (lake.exists("segments"), lake.version("segments"), lake.partitions("segments")) == (False, -1, set())
    with pytest.raises(MissingTable, match="coverlift features"):
        lake.read("segments", ds=DAY)
    with pytest.raises(ValueError, match="no table 'segment'"):
        lake.path("segment")


def test_a_write_that_would_replace_every_day_is_refused(spark_lake):
    with pytest.raises(ValueError, match="needs ds or where"):
        spark_lake.replace(sample("segments"), "segments")
    with pytest.raises(ValueError, match="no keys"):
        spark_lake.merge(sample("quarantine"), "quarantine")


def test_days_must_be_iso_dates():
    assert days_of(None) is None
    with pytest.raises(ValueError, match="Invalid isoformat"):
        days_of("2026-3-2")


def test_object_store_urls_read_differently_for_spark():
    lake = Lake("s3://bucket/lake/", SparkSettings())
    assert lake.path("items") == "s3://bucket/lake/items"
    assert lake.spark_path("items") == "s3a://bucket/lake/items"


READ_AND_END = """
import sys
from conf.settings import SparkSettings
from jobs.lake.lake import Lake
lake = Lake(sys.argv[1], SparkSettings())
assert lake.dataset("user_features").head(1).num_rows == 1
"""


def test_a_process_that_reads_and_ends_at_once_ends_well(tmp_path):
    lake = Lake(str(tmp_path / "a folder"), SparkSettings())
    for number in range(1, 9):
        day = f"2026-03-0{number}"
        rows = pa.concat_tables([sample("user_features", ds=day)] * 2000)
        write_deltalake(lake.path("user_features"), rows, partition_by=["ds"], mode="append")
    for _ in range(6):
        subprocess.run([sys.executable, "-c", READ_AND_END, lake.url], check=True, timeout=60)
