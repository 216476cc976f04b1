"""Fixtures that every folder of tests shares: one Spark session, a lake, a stage context, a finished night."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before torch is imported

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conf.settings import Settings, SparkSettings
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from tests.support.runs.small_night import made_once


@pytest.fixture(scope="session")
def spark_settings() -> SparkSettings:
    """Settings of the one Spark session of the test process."""
    return SparkSettings(driver_memory="2g")


@pytest.fixture(scope="session")
def spark_lake(tmp_path_factory: pytest.TempPathFactory, spark_settings: SparkSettings) -> Lake:
    """A lake for the whole session, with Spark started; tests that need it empty use ``new_lake``."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")), spark_settings)
    assert lake.spark.version.startswith("4.0")
    return lake


@pytest.fixture
def new_lake(tmp_path: Path, spark_lake: Lake) -> Lake:
    """An empty lake on the session's Spark."""
    return Lake(str(tmp_path / "lake"), spark_lake.spark_settings)


@pytest.fixture(scope="session")
def finished_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the small night, which all workers share: to be read only."""
    own = tmp_path_factory.getbasetemp()
    return made_once(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, finished_night: Path) -> Path:
    """Home of a finished small night that the module may write to."""
    return shutil.copytree(finished_night, tmp_path_factory.mktemp("night") / "home")


@pytest.fixture
def make_context(tmp_path: Path, spark_settings: SparkSettings) -> Callable[..., Context]:
    """Make a stage context: ``make_context(ds="2026-03-29", world={"users": 50}, ...)``.

    Keywords are sections of the settings, as dictionaries; ``home`` and ``ds`` are optional.
    """

    def make(*, ds: str = "2026-03-29", home: Path | None = None, **sections: Any) -> Context:
        merged = {"profile": "test", "spark": spark_settings.model_dump(), **sections}
        return Context(ds=date.fromisoformat(ds), home=home or tmp_path, settings=Settings.model_validate(merged))

    return make
