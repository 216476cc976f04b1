"""Figures of a day of the log, counted batch by batch, so that a day of any size fits."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from jobs.drift.figure import HOUR, POLICY
from jobs.ingest.contract import UNKNOWN_ITEM
from jobs.lake.lake import Lake

COLUMNS = ("request_id", "ts", "position", "clicked", "propensity", "policy")
HOURS = 24
UNNAMED = "(none)"
"""Policy of rows that tell none."""


@dataclass
class DayCounts:
    """Sums over the impressions of a day."""

    rows: int = 0
    clicks: int = 0
    positions: float = 0.0
    propensities: float = 0.0
    with_propensity: int = 0
    requests: int = 0
    """Rows of a page come together: what is told of hours and policies is told of pages."""
    hours: Counter[int] = field(default_factory=Counter)
    policies: Counter[str | None] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count some rows with :data:`COLUMNS`."""
        self.rows += batch.num_rows
        self.clicks += pc.sum(batch["clicked"]).as_py() or 0
        self.positions += pc.sum(batch["position"]).as_py() or 0
        self.propensities += pc.sum(batch["propensity"]).as_py() or 0.0
        self.with_propensity += batch.num_rows - batch["propensity"].null_count
        requests = pa.table([batch["request_id"], pc.hour(batch["ts"]), batch["policy"]], ["id", "hour", "policy"])
        self.requests += pc.count_distinct(requests["id"]).as_py()
        for name, counter in (("hour", self.hours), ("policy", self.policies)):
            found = requests.group_by(name).aggregate([("id", "count_distinct")])
            counter.update(dict(zip(found[name].to_pylist(), found["id_count_distinct"].to_pylist(), strict=True)))

    def figures(self) -> dict[str, float]:
        """Means and shares by name; what the log does not tell is left out."""
        found = {"rows": float(self.rows), "requests": float(self.requests)}
        if not self.rows:
            return found
        found |= {"clicked_share": self.clicks / self.rows, "mean_position": self.positions / self.rows}
        if self.with_propensity:
            found["mean_propensity"] = self.propensities / self.with_propensity
        for prefix, counts in ((HOUR, self._hours()), (POLICY, self._policies())):
            found |= {f"{prefix}{name}": count / sum(counts.values()) for name, count in counts.items()}
        return found

    def _hours(self) -> dict[str, int]:
        return {f"{hour:02d}": self.hours[hour] for hour in range(HOURS)}

    def _policies(self) -> dict[str, int]:
        return {name or UNNAMED: count for name, count in sorted(self.policies.items(), key=str)}


def counted(batches: Iterable[pa.RecordBatch]) -> DayCounts:
    """The sums over all batches."""
    counts = DayCounts()
    for batch in batches:
        counts.add(batch)
    return counts


def day_figures(lake: Lake, ds: str) -> dict[str, float]:
    """Figures of a day of the log by name.

    Returns
    -------
    dict
        ``rows`` and ``requests``; ``clicked_share``, ``mean_position``, ``mean_propensity``; ``refused_share`` and
        ``unknown_item_share`` of all rows that came; shares of hours (UTC) and of policies among requests.
    """
    batches = lake.dataset("impressions").to_batches(columns=list(COLUMNS), filter=pc.field("ds") == ds)
    found = counted(batches).figures()
    refused, unknown = _refused(lake, ds)
    came = found["rows"] + refused
    if came:
        found |= {"refused_share": refused / came, "unknown_item_share": unknown / came}
    return found


def _refused(lake: Lake, ds: str) -> tuple[int, int]:
    """Rows of a day's log in quarantine, and those of them whose item nobody knows."""
    if not lake.exists("quarantine"):
        return 0, 0
    found = lake.read("quarantine", ds=ds, columns=["reasons"], filters=[("source", "==", "impressions")])
    reasons = found["reasons"].to_pylist()
    return len(reasons), sum(UNKNOWN_ITEM in each for each in reasons)
