"""What holds for every run of pytest: scratch in a folder of the run's own, long tests only when asked for.

Spark, Triton, browsers and the tests themselves write below ``.pytest_tmp/<process id>`` of the
checkout, so that a run does not care what else happens in the shared temporary folder. The folder goes at the
end; where a test failed it stays for a look, until the next run.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: the workers are what the cores are for

SCRATCH = Path(__file__).with_name(".pytest_tmp")


def _runs(pid: str) -> bool:
    return pid.isdigit() and Path("/proc", pid).exists()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Open the run's scratch folder; a worker of pytest-xdist uses its controller's."""
    if _is_worker(config):
        tempfile.tempdir = os.environ["TMPDIR"]
        return
    for left in SCRATCH.glob("*"):
        if not _runs(left.name):
            shutil.rmtree(left, ignore_errors=True)
    folder = SCRATCH / str(os.getpid())
    (folder / "tmp").mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    if config.option.basetemp is None:
        config.option.basetemp = str(folder / "pytest")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember whether the scratch is worth a look."""
    session.config.stash[_FAILED] = exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


_FAILED = pytest.StashKey[bool]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's scratch unless a test failed."""
    if not _is_worker(config) and not config.stash.get(_FAILED, True):
        shutil.rmtree(SCRATCH / str(os.getpid()), ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to ``make soak``, unless ``-m`` asks for something."""
    if config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
