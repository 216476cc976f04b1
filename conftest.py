"""What holds for every run of pytest: scratch in a folder of the run's own, long tests only when asked for, workers.

Spark, Triton, browsers and the tests themselves write below ``.pytest_tmp/<process id>`` of the
checkout, so that a run does not care what else happens in the shared temporary folder. The folder goes at the
end; where a test failed it stays for a look, until the next run.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

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


NIGHT = (
    "tests/test_night.py",
    "tests/recsys_eval/studies",
    "tests/recsys_eval/closed_loop/test_night.py",
    "tests/jobs/test_simulate.py",
)
"""Around the one finished night."""
SPARK = (
    "tests/jobs/drift",
    "tests/jobs/features",
    "tests/jobs/ingest",
    "tests/jobs/lake",
    "tests/jobs/maintenance",
    "tests/jobs/cli",
    "tests/jobs/simulator",
    "tests/jobs/test_nightly.py",
    "tests/jobs/publishing",
    "tests/generation/painting",
    "tests/generation/planning",
    "tests/generation/review/log/test_sync.py",
    "tests/generation/review/policy",
    "tests/generation/review/test_closed.py",
    "tests/reward_model/encoders/test_stage.py",
)
"""What starts Spark: by one worker, whose session is warm after the first of them."""


GROUPS = {
    "night": NIGHT,
    "spark": SPARK,
    "evaluation": tuple(
        f"tests/recsys_eval/{name}"
        for name in ("experiment", "ranking", "report", "simulation", "test_", "judge/test_appearance")
    ),
    "reward model": ("tests/reward_model",),
    "icg": ("tests/generation/personalization/icg",),
}
"""What one worker runs, in this order; all else goes by file. What shares a fixture of the session is made once."""


def _group(path: str) -> str:
    """Name of the group of a file: the first that lists it, else the file itself."""
    return next((name for name, places in GROUPS.items() if path.startswith(places)), path)


class ByGroup(LoadScopeScheduling):
    """What is handed to a worker at a time is a group."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


def _listed(item: pytest.Item) -> str:
    """Name of the test's group if it is a listed one, else nothing."""
    group = _group(item.nodeid.partition("::")[0])
    return group if group in GROUPS else ""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Workers get whole groups, under ``--dist loadgroup``: marks of groups are lost on their way in pytest 9."""
    return ByGroup(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the longest groups to workers first; leave the long tests to ``make soak``, unless ``-m`` is given."""
    if _is_worker(config):
        order = [*GROUPS, ""]
        items.sort(key=lambda item: order.index(_listed(item)))  # stable
    if config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
