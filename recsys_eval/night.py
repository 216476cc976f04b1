"""What every part of the evaluation of one night shares, and what each of them hands back."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from jobs.lake.arrays import Floats
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from recsys_eval.ranking.examination import load_examination
from recsys_eval.ranking.features import ImpressionFeatures, ScorerOfDay, Sources, days_between, load_impressions
from recsys_eval.ranking.truth import TrueClicks
from recsys_eval.statistics.figures import Figure
from reward_model.network.user_state import CoverTable

STEPS = 13
"""Steps of the evaluation of a night, for its progress: five arms twice, the A/B, drawings and the truth."""


@dataclass
class Findings:
    """Results of a part: rows of ranking_lift (without ds), figures, what could not be measured, and caveats."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)
    """Rows of :func:`recsys_eval.ranking.slices.slice_lifts`."""

    def add(self, other: "Findings") -> None:
        """Take over another part's results."""
        self.rows += other.rows
        self.figures += other.figures
        self.notes += other.notes
        self.caveats += other.caveats
        self.slices += other.slices


@dataclass
class Night:
    """One night's data for evaluation, read once."""

    ctx: Context
    encoder_id: str
    scorer_of: ScorerOfDay
    truth: TrueClicks | None = None
    """True click probabilities, where the log comes from a world that has them (simulated)."""
    _begun: int = 0

    def begin(self, what: str) -> None:
        """Show progress: one step begins."""
        self.ctx.progress(min(self._begun, STEPS), STEPS, what)
        self._begun += 1

    @property
    def lake(self) -> Lake:
        """The tables."""
        return self.ctx.lake

    @property
    def simulated(self) -> bool:
        """Whether users and clicks are the built-in world's."""
        return self.ctx.settings.ingest.source == "stickers"

    @property
    def next_day(self) -> date:
        """The day on which the feed showed this night's published covers."""
        return self.ctx.ds + timedelta(days=1)

    @cached_property
    def sources(self) -> Sources:
        """Covers and scorers that all impressions share."""
        covers = CoverTable.load(self.lake, self.encoder_id)
        return Sources(lake=self.lake, covers=covers, scorer_of=self.scorer_of)

    @cached_property
    def logged_days(self) -> list[date]:
        """Days after the cut up to ds that the log has."""
        known = self.lake.partitions("impressions")
        return [day for day in days_between(self.ctx.cut + timedelta(days=1), self.ctx.ds) if day.isoformat() in known]

    @property
    def played(self) -> bool:
        """Whether the log has the day after ds."""
        return self.next_day.isoformat() in self.lake.partitions("impressions")

    @cached_property
    def log(self) -> ImpressionFeatures:
        """Impressions after the cut up to ds."""
        return ImpressionFeatures(self.sources, load_impressions(self.lake, self.logged_days))

    @cached_property
    def play(self) -> ImpressionFeatures:
        """Impressions of the day after ds."""
        return ImpressionFeatures(self.sources, load_impressions(self.lake, [self.next_day]))

    @cached_property
    def examination(self) -> Floats:
        """(p,) examination of the places relative to the first, as estimated by the end of ds."""
        return load_examination(self.lake, self.ctx.ds)

    @cached_property
    def new_items(self) -> set[str]:
        """Items that exist by the end of ds and nobody was shown yet."""
        table = self.lake.read(
            "item_features", ds=self.ctx.ds, columns=["item_id"], filters=[("impressions_28d", "=", 0)]
        )
        return set(table["item_id"].to_pylist())

    @cached_property
    def user_traffic(self) -> pl.DataFrame:
        """One row per user at the end of ds: user_id, impressions of 28 days."""
        table = self.lake.read("user_features", ds=self.ctx.ds, columns=["user_id", "impressions_28d"])
        return pl.DataFrame(table)
