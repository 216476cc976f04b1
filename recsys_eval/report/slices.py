"""The report's charts of where the lift is: a forest plot a dimension, on one axis for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recsys_eval.report.charts import Axis, axis_of, interval_strip
from recsys_eval.report.view import RANKER_NAMES, Chart, Row
from recsys_eval.report.wording import interval, p_value, percent

TITLES = {
    "user": "By user: cold (fewer than 5 clicks in the 28 days up to the cut) or warm",
    "item age": "By age of the item",
    "position": "By place at which it was shown",
    "category": "By category",
    "segment": "By segment",
}
READING = (
    "Relative lift of examination-weighted NDCG@10 from knowing generated covers, of the clicks in a slice, each "
    "ranked within its whole request: slices of a dimension add up to the lift over all. An interval is for its own "
    "slice; p holds for all slices together (Holm). Only a slice whose p is small is told apart from nothing; one "
    "whose smallest findable lift is larger than the lift over all says nothing by being open. A/A is the same ranker "
    "with other seeds: its lift in a slice is made of nothing."
)


@dataclass(frozen=True, kw_only=True)
class Where:
    """Charts with the words above them."""

    caption: str
    charts: list[Chart]


def where_charts(rows: Sequence[dict[str, Any]]) -> Where | None:
    """Charts of the played day or else of the log; None where no slice was measured.

    Parameters
    ----------
    rows
        ``slices`` of ``metrics.json``.
    """
    told = [row for row in rows if row["lift"] is not None]
    for ranker, name in RANKER_NAMES.items():
        chosen = [row for row in told if row["ranker"] == ranker and row["arm"] == "generated"]
        if not chosen:
            continue
        axis = axis_of([bound for row in chosen for bound in (row["low"], row["high"], row["lift"])])
        by_chance = {(row["dimension"], row["slice"]): row for row in told if _is_a_a(row, ranker)}
        charts = [
            Chart(
                title=title,
                rows=[
                    _row(row, by_chance.get((dimension, row["slice"])), axis)
                    for row in chosen
                    if row["dimension"] == dimension
                ],
            )
            for dimension, title in TITLES.items()
        ]
        return Where(caption=f"{name}. {READING}", charts=[chart for chart in charts if chart.rows])
    return None


def _is_a_a(row: dict[str, Any], ranker: str) -> bool:
    return bool(row["ranker"] == ranker and row["arm"] == "a/a")


def _row(row: dict[str, Any], by_chance: dict[str, Any] | None, axis: Axis) -> Row:
    value, span = percent(row["lift"], sign=True), interval(row["low"], row["high"], "relative lift")
    parts = [
        span,
        p_value(row["p_holm"]),
        f"{row['users']:,} users, {row['clicks']:,} clicks worth {row['effective_clicks']:,.0f}",
        f"smallest findable {percent(row['detectable'])}" if row["detectable"] is not None else "",
        f"A/A {percent(by_chance['lift'], sign=True)}" if by_chance else "",
    ]
    words = f"{row['slice']}: {value}, interval {span}"
    strip = interval_strip(row["lift"], row["low"], row["high"], axis, label=words)
    strong = row["p_holm"] < 0.05
    return Row(label=row["slice"], value=value, note=", ".join(filter(None, parts)), strip=strip, strong=strong)
