"""What a stage gets: the night's date, settings, lake and picture store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conf.settings import Settings
from jobs.lake.images import ImageStore
from jobs.lake.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def silent(done: int, total: int, what: str) -> None:
    """A progress callback that shows nothing."""


@dataclass
class Context:
    """One stage run: everything comes in here, nothing is read from the clock or globals."""

    ds: date
    home: Path
    settings: Settings
    progress: Callable[[int, int, str], None] = silent
    """Called with (done, total, what) during long work."""

    @property
    def cut(self) -> date:
        """Last day the reward model and rankers may learn features from: ds - reward.test_days."""
        return self.ds - timedelta(days=self.settings.reward.test_days)

    @property
    def input_url(self) -> str:
        """Folder with impressions/, items/ and covers/ as the input contract has them."""
        return self.settings.ingest.input or str(self.home / "input")

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables."""
        chosen = self.settings.lake
        return Lake(chosen.tables_url or str(self.home / "lake"), self.settings.spark, chosen.storage_options)

    @cached_property
    def images(self) -> ImageStore:
        """The content-addressed picture store."""
        chosen = self.settings.lake
        return ImageStore(chosen.images_url or str(self.home / "images"), chosen.storage_options)

    @property
    def spark(self) -> "SparkSession":
        """The one Spark session of this process, started at first use."""
        return self.lake.spark


@dataclass
class StageResult:
    """What a stage did, for the run ledger and the screen."""

    rows: dict[str, int] = field(default_factory=dict)
    """Rows written per table, or other counts by name."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Figures worth keeping, by name."""
    note: str = ""
    """One line for the screen."""
