"""Settings of the drift gates: how far a night may lie from the nights before it."""

from pydantic import Field

from conf.section import Section


class DriftLimits(Section):
    """When a figure is told, and when it ends the night; None never does."""

    warn: float | None = Field(default=None, gt=0)
    stop: float | None = Field(default=None, gt=0)


class DriftSettings(Section):
    """How tonight is compared with the nights before it (docs/operations.md).

    By default only gross faults end a night: a shift that is merely unusual may be a holiday or a campaign, and a feed
    without new covers because of it is worse than one with a warning.
    """

    nights: int = Field(default=14, ge=3)
    """Nights before tonight that it is compared with; with fewer nothing is judged. Two weeks have each weekday
    twice, and a median of so few is not moved by one bad day."""
    robust_z: DriftLimits = DriftLimits(warn=6.0)
    """Of figures a night: distance from the median, in deviations told by the median absolute deviation."""
    population_stability: DriftLimits = DriftLimits(warn=0.25)
    """Of shares (hours, policies, sizes of segments): the population stability index; 0.25 is the usual word for a
    large shift."""
    kolmogorov_smirnov: DriftLimits = DriftLimits(warn=0.3)
    """Of planned scores: the largest distance between two cumulative distributions, 0 to 1."""
    figures: dict[str, DriftLimits] = Field(default_factory=dict)
    """Limits of a single figure by its name, in place of those of its kind."""
    least_rows_share: float | None = Field(default=0.1, gt=0, lt=1)
    """Fewer rows than this share of the median end the night: a log that broke off. None never does."""
    stop_without_clicks: bool = True
    """Whether a day without a single click ends the night where the days before it had some: clicks were not logged."""
