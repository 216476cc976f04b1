"""How the one Spark session is configured; that it runs is shown by every test of the lake."""

import tempfile

import pytest

from conf.errors import UsageError
from conf.settings import SparkSettings
from jobs.lake.engine.spark import session_configuration


def test_on_one_machine_scratch_lies_where_pythons_does():
    java = session_configuration(SparkSettings())["spark.driver.extraJavaOptions"]
    assert f'"-Djava.io.tmpdir={tempfile.gettempdir()}"' in java
    assert "-Duser.timezone=UTC" in java


def test_a_cluster_keeps_its_own_parallelism_and_java():
    chosen = session_configuration(SparkSettings(master="spark://there:7077"))
    assert "spark.databricks.delta.snapshotPartitions" not in chosen
    assert "java.io.tmpdir" not in chosen["spark.driver.extraJavaOptions"]


def test_packages_take_the_place_of_the_jar_and_own_configuration_wins():
    settings = SparkSettings(packages="io.delta:delta-spark_2.13:4.0.0", conf={"spark.ui.enabled": "true"})
    chosen = session_configuration(settings)
    assert chosen["spark.jars.packages"] == "io.delta:delta-spark_2.13:4.0.0"
    assert "spark.jars" not in chosen
    assert chosen["spark.ui.enabled"] == "true"


def test_without_the_jar_the_command_that_makes_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    with pytest.raises(UsageError, match=r"coverlift setup"):
        session_configuration(SparkSettings())


def test_the_running_session_writes_its_scratch_there(spark_lake):
    java = spark_lake.spark.sparkContext._jvm.java.lang.System
    assert java.getProperty("java.io.tmpdir") == tempfile.gettempdir()
