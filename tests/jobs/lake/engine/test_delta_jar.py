import zipfile

import pytest

from jobs.lake.engine import delta_jar

DELTA, SPARK = (2010, 1, 1, 0, 0, 0), (2025, 5, 19, 0, 0, 0)


def write_jar(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, when in entries:
            archive.writestr(zipfile.ZipInfo(name, when), name)


def test_only_deltas_own_entries_are_kept(tmp_path):
    write_jar(
        tmp_path / "big.jar",
        [
            ("io/delta/tables/DeltaTable.class", SPARK),
            ("org/apache/spark/sql/delta/DeltaLog.class", SPARK),
            ("org/apache/spark/sql/catalyst/Parser.class", DELTA),
            ("org/apache/spark/sql/SparkSession.class", SPARK),
            ("error/delta-error-classes.json", SPARK),
            ("org/rumbledb/Main.class", DELTA),
            (delta_jar.SERVICE, SPARK),
        ],
    )
    assert delta_jar.cut(tmp_path / "big.jar", tmp_path / "out" / "small.jar") == 4
    with zipfile.ZipFile(tmp_path / "out" / "small.jar") as small:
        assert sorted(small.namelist()) == [
            delta_jar.SERVICE,
            "error/delta-error-classes.json",
            "io/delta/tables/DeltaTable.class",
            "org/apache/spark/sql/catalyst/Parser.class",
            "org/apache/spark/sql/delta/DeltaLog.class",
        ]
        assert small.read(delta_jar.SERVICE).decode() == "org.apache.spark.sql.delta.sources.DeltaDataSource\n"


def test_a_jar_without_delta_is_refused_and_leaves_nothing(tmp_path):
    write_jar(tmp_path / "big.jar", [("org/rumbledb/Main.class", SPARK)])
    with pytest.raises(ValueError, match="no Delta classes"):
        delta_jar.cut(tmp_path / "big.jar", tmp_path / "out" / "small.jar")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_changed_inner_jar_is_refused(tmp_path):
    write_jar(tmp_path / "jsoniq.whl", [(delta_jar.INNER_JAR, SPARK)])
    with pytest.raises(ValueError, match="expected daba67e0"):
        delta_jar.inner_jar(tmp_path / "jsoniq.whl", tmp_path)


def test_a_jar_that_is_there_is_not_fetched_again(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    delta_jar.jar_path().write_bytes(b"jar")
    assert delta_jar.ensure() == tmp_path / delta_jar.JAR_NAME
