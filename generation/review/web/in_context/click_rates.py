"""How often a cover was clicked, by day, beside the original of its item: before it was live, and after."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from generation.review.web.agreement import wilson
from generation.review.web.in_context.audience import Audience
from jobs.lake.lake import Lake

DAYS_BEFORE = 14
"""Days before the cover was live that are listed."""


@dataclass(frozen=True)
class Rate:
    """Clicks of a cover.

    Examples
    --------
    >>> Rate(10, 7).share, tuple(round(bound, 4) for bound in Rate(10, 7).interval)
    (0.7, (0.3968, 0.8922))
    """

    impressions: int = 0
    clicks: int = 0

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.impressions + other.impressions, self.clicks + other.clicks)

    @property
    def share(self) -> float | None:
        """Clicks by impressions; None without impressions."""
        return self.clicks / self.impressions if self.impressions else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the share, as if every impression were drawn by itself."""
        return wilson(self.clicks / self.impressions, self.impressions) if self.impressions else None


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day of the log, or several together."""

    name: str
    original: Rate
    cover: Rate


@dataclass(frozen=True, kw_only=True)
class ClickRates:
    """What the log says about a cover and the original of its item."""

    live_nights: tuple[str, ...]
    """Nights that published the cover for its segment; the feed shows it from the day after the first."""
    days: tuple[Day, ...]
    """The listed days, oldest first."""
    before: Day
    """All days up to the first of those nights; without one, all days."""
    after: Day | None
    """All days since; None where there is no such day in the log yet."""


def click_rates(
    lake: Lake, *, item_id: str, segment_id: str, original_id: str, cover_id: str, audience: Audience
) -> ClickRates:
    """Impressions and clicks of both covers among the audience, of all days that the lake has.

    Parameters
    ----------
    lake
        Has impressions and, once something was published, published_covers.
    item_id, segment_id, original_id, cover_id
        The item, whom the cover is for, and the two covers.
    audience
        Whose impressions count.
    """
    counted = _counted(lake, item_id, {original_id, cover_id}, audience)
    known = sorted({day for day, _ in counted})
    days = [
        Day(name=day, original=counted.get((day, original_id), Rate()), cover=counted.get((day, cover_id), Rate()))
        for day in known
    ]
    nights = _live_nights(lake, item_id, segment_id, cover_id)
    earlier = [day for day in days if not nights or day.name <= nights[0]]
    later = days[len(earlier) :]
    return ClickRates(
        live_nights=nights,
        days=(*earlier[-DAYS_BEFORE:], *later),
        before=_together("before" if nights else "all days", earlier),
        after=_together("after", later) if later else None,
    )


def _counted(lake: Lake, item_id: str, covers: Iterable[str], audience: Audience) -> dict[tuple[str, str], Rate]:
    """Rates by day and cover."""
    if not lake.exists("impressions"):
        return {}
    chosen = [("item_id", "==", item_id), ("cover_id", "in", sorted(covers))]
    rows = lake.read("impressions", columns=["ds", "cover_id", "user_id", "clicked"], filters=chosen).to_pylist()
    found: dict[tuple[str, str], Rate] = defaultdict(Rate)
    for row in rows:
        if audience.users is None or row["user_id"] in audience.users:
            found[row["ds"], row["cover_id"]] += Rate(1, int(row["clicked"]))
    return dict(found)


def _live_nights(lake: Lake, item_id: str, segment_id: str, cover_id: str) -> tuple[str, ...]:
    if not lake.exists("published_covers"):
        return ()
    chosen = [("cover_id", "==", cover_id), ("item_id", "==", item_id), ("segment_id", "==", segment_id)]
    return tuple(sorted(lake.read("published_covers", columns=["ds"], filters=chosen)["ds"].to_pylist()))


def _together(name: str, days: Iterable[Day]) -> Day:
    listed = list(days)
    return Day(
        name=name,
        original=sum((day.original for day in listed), Rate()),
        cover=sum((day.cover for day in listed), Rate()),
    )
