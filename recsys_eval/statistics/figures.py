"""A figure as the report shows it: a value with its interval, what it counts, and whether it is simulated."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recsys_eval.statistics.lift import Estimate


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number that people may quote, with everything they must quote beside it."""

    name: str
    """Stable identifier, such as ``ab.published.lift``."""
    about: str
    """One sentence in words."""
    value: float
    low: float | None = None
    high: float | None = None
    """Bounds of the 95 % interval."""
    p: float | None = None
    n: int | None = None
    """Number of ``of``."""
    of: str = "users"
    unit: str = "share"
    """``share``, ``relative lift``, ``probability`` or another name of what value is measured in."""
    detectable: float | None = None
    """Minimum detectable effect, in the unit of value, where value was tested against no effect."""
    simulated: bool
    """The figure rests on simulated users or clicks."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def figure(name: str, about: str, found: Estimate, *, n: int, unit: str, simulated: bool, of: str = "users") -> Figure:
    """Figure of an estimate.

    Examples
    --------
    >>> figure("ctr", "CTR", Estimate(value=0.1, low=0.0, high=0.2), n=9, unit="share", simulated=False).high
    0.2
    """
    return Figure(
        name=name,
        about=about,
        value=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        detectable=found.detectable,
        n=n,
        of=of,
        unit=unit,
        simulated=simulated,
    )


def lift_row(
    metric: str, arm: str, slice_name: str, value: float, lift: Estimate | None, users: int, ranker: str = "none"
) -> dict[str, Any]:
    """Row of ranking_lift without its ds."""
    interval: Mapping[str, Any] = {} if lift is None else lift.as_dict()
    return {
        "metric": metric,
        "ranker": ranker,
        "arm": arm,
        "slice": slice_name,
        "value": value,
        "lift": interval.get("value"),
        "low": interval.get("low"),
        "high": interval.get("high"),
        "p": interval.get("p"),
        "detectable": interval.get("detectable"),
        "users": users,
    }
