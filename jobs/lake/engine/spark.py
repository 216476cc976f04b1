"""The one Spark session of a process, with real Delta Lake."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import UsageError
from conf.settings import SparkSettings
from jobs.lake.engine.delta_jar import jar_path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG_CONFIGURATION = Path(__file__).with_name("log4j2.properties")

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # delta-rs reads the same tables, and deletion vectors are not for two engines.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
}

COMMON = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}

SMALL_DATA = {
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
"""On one machine most of the default parallelism is waiting."""

# Spark makes this folder, empty, wherever it is started; tables of ours have paths of their own.
WAREHOUSE = "spark.sql.warehouse.dir"

LOCAL_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m"
"""Short jobs: quick compilation, one thread of garbage collection; the first alone would leave 48 MB for compiled code,
of which a session of some minutes evicts what it needs again."""


def local_scratch() -> str:
    """Java option that puts Spark's scratch where Python's is: the JVM by itself does not heed ``TMPDIR``."""
    return f'"-Djava.io.tmpdir={tempfile.gettempdir()}"'


def session_configuration(settings: SparkSettings) -> dict[str, str]:
    """Everything the session is started with; ``settings.conf`` wins.

    Raises
    ------
    UsageError
        When neither the Delta jar of set-up nor ``spark.packages`` is there.
    """
    local = settings.master.startswith("local")
    java = f"-Dlog4j2.configurationFile={LOG_CONFIGURATION.as_uri()} -Duser.timezone=UTC"
    chosen = {
        **COMMON,
        **DELTA,
        **({**SMALL_DATA, WAREHOUSE: f"{tempfile.gettempdir()}/coverlift-warehouse-{os.getuid()}"} if local else {}),
        "spark.driver.memory": settings.driver_memory,
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        "spark.driver.extraJavaOptions": f"{java} {LOCAL_JAVA} {local_scratch()}" if local else java,
    }
    if settings.packages:
        chosen["spark.jars.packages"] = settings.packages
    elif jar_path().exists():
        chosen["spark.jars"] = str(jar_path())
    else:
        raise UsageError(
            f"The Delta jar {jar_path()} is missing: run `coverlift setup`, "
            "or set spark.packages=io.delta:delta-spark_2.13:4.0.0 where Maven is reachable."
        )
    return {**chosen, **settings.conf}


def start_session(settings: SparkSettings) -> "SparkSession":
    """The Spark session of this process, started on the first call.

    A later call returns the same session; its settings are those of the first one.

    Raises
    ------
    UsageError
        When Delta's classes or Java are missing.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    configuration = session_configuration(settings)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if settings.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName("coverlift").master(settings.master)
    for key, value in configuration.items():
        builder = builder.config(key, value)
    try:
        session: SparkSession = builder.getOrCreate()
    except (PySparkRuntimeError, FileNotFoundError) as error:
        hint = "It needs Java 17; `coverlift doctor` shows what is there."
        raise UsageError(f"Spark did not start: {error}. {hint}") from error
    return session
