"""Nights side by side: ``coverlift compare-nights --nights 2026-03-28 --nights 2026-03-29``, as one HTML page.

What was measured in several nights, figure by figure with its interval, and what their settings differ in. Nights have
other users on other days, so no difference is paired: of two nights the difference is taken as one of independent
samples, whose standard errors are read off the intervals. Where the same users come back that is wider than need be,
never narrower as long as users who click much in one night do so in the other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

from conf.errors import ContractError, UsageError
from jobs.lake.context import Context
from recsys_eval.report.charts import axis_of, interval_strip
from recsys_eval.report.pages import page_environment
from recsys_eval.report.view import Chart, Row
from recsys_eval.report.wording import interval, p_value, quantity
from recsys_eval.statistics.multiple import holm
from recsys_eval.texts import write_text

WIDTH = 2 * NormalDist().inv_cdf(0.975)
"""Standard errors between the ends of a 95 % interval."""
HEADLINES = (
    "lambdarank-played.generated.wndcg@10.lift",
    "lambdarank-played.treated.generated.wndcg@10.lift",
    "lambdarank-played.generated.wndcg@10.share",
    "ab.published_pairs.lift",
    "truth.all.published.lift",
    "truth.all.published.gap_closed",
    "looks.published.style_of_real",
    "looks.published.recall_of_real",
)
"""Figures that are drawn, in reading order; the others stand in the table."""


@dataclass(frozen=True, kw_only=True)
class Nights:
    """Options of :func:`compare_nights`."""

    nights: tuple[str, ...]
    """A night, YYYY-MM-DD, in the order to show them in; given twice or more."""
    out: Path | None = None
    """Page to write; None: ``HOME/reports/nights.html``."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a figure did from the first night to the last."""

    figure: Mapping[str, Any]
    """Of the last night."""
    difference: float
    low: float
    high: float
    p: float
    """After Holm over all figures that both nights have."""

    @property
    def shown(self) -> bool:
        """Whether a difference is shown."""
        return self.p < 0.05


def read_nights(ctx: Context, days: Sequence[date]) -> list[dict[str, Any]]:
    """The nights' ``metrics.json``.

    Raises
    ------
    UsageError
        Fewer than two nights, one named twice, or one that was not evaluated.
    ContractError
        A file is no such document.
    """
    if len(days) < 2 or len(set(days)) < len(days):
        raise UsageError("name two nights or more, each once: --nights 2026-03-28 --nights 2026-03-29")
    found = []
    for day in days:
        path = ctx.home / "reports" / f"ds={day.isoformat()}" / "metrics.json"
        if not path.is_file():
            raise UsageError(f"{path} is missing: run `coverlift evaluate --ds {day}` first")
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found.append({"ds": document["ds"], "figures": {each["name"]: each for each in document["figures"]}})
        except (ValueError, KeyError, TypeError) as error:
            raise ContractError(f"{path} is no metrics.json of a night: {error}") from error
    return found


def days_of(nights: Sequence[str]) -> list[date]:
    """Nights as dates.

    Raises
    ------
    UsageError
        One is no date.
    """
    try:
        return [date.fromisoformat(each) for each in nights]
    except ValueError as error:
        raise UsageError(f"--nights takes days as YYYY-MM-DD: {error}") from error


def changes(nights: Sequence[Mapping[str, Any]]) -> list[Change]:
    """From the first night to the last, of every figure with an interval in both, the surest first."""
    first, last = nights[0]["figures"], nights[-1]["figures"]
    both = [name for name in last if name in first and _known(first[name]) and _known(last[name])]
    gaps = [last[name]["value"] - first[name]["value"] for name in both]
    errors = [sqrt(_error(first[name]) ** 2 + _error(last[name]) ** 2) for name in both]
    raw = [
        2 * NormalDist().cdf(-abs(gap) / error) if error > 0 else float(gap == 0)
        for gap, error in zip(gaps, errors, strict=True)
    ]
    half = WIDTH / 2
    found = [
        Change(figure=last[name], difference=gap, low=gap - half * error, high=gap + half * error, p=p)
        for name, gap, error, p in zip(both, gaps, errors, holm(raw), strict=True)
    ]
    return sorted(found, key=lambda change: change.p)


def _known(figure: Mapping[str, Any]) -> bool:
    return None not in (figure["value"], figure["low"], figure["high"])


def _error(figure: Mapping[str, Any]) -> float:
    """Standard error, read off the interval."""
    return float((figure["high"] - figure["low"]) / WIDTH)


def charts(nights: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """A forest for each headline figure, a row a night."""
    found = []
    for name in HEADLINES:
        of = [(night["ds"], night["figures"][name]) for night in nights if name in night["figures"]]
        of = [(day, figure) for day, figure in of if _known(figure)]
        if len(of) > 1:
            lift = of[0][1]["unit"] == "relative lift"
            bounds = [figure[end] for _, figure in of for end in ("low", "value", "high")]
            axis = axis_of(bounds, include=0.0 if lift else None)
            rows = [_row(day, figure, axis, zero=0.0 if lift else None) for day, figure in of]
            about = of[-1][1]["about"] + (" (simulated)" if of[-1][1]["simulated"] else "")
            found.append(Chart(title=about, rows=rows))
    return found


def _row(day: str, figure: Mapping[str, Any], axis: Any, *, zero: float | None) -> Row:
    value = quantity(figure["value"], figure["unit"])
    span = interval(figure["low"], figure["high"], figure["unit"])
    strip = interval_strip(
        figure["value"], figure["low"], figure["high"], axis, label=f"{day}: {value}, interval {span}", zero=zero
    )
    return Row(label=day, value=value, note=f"{span}, {figure['n'] or 0:,} {figure['of']}", strip=strip)


def settings_changed(ctx: Context, days: Sequence[date]) -> list[tuple[str, list[str]]]:
    """Settings in which the nights' stages differ, and their values by night; empty where the ledger is not there."""
    if not ctx.lake.exists("runs"):
        return []
    by_day = []
    for day in days:
        told: dict[str, Any] = {}
        for run in ctx.lake.read("runs", ds=day, columns=["stage", "config"]).to_pylist():
            told |= _flat(json.loads(run["config"]))
        by_day.append(told)
    names = sorted({name for told in by_day for name in told} - {"ds"})
    rows = [(name, [_shown(told, name) for told in by_day]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return json.dumps(settings[name]) if name in settings else "not asked"


def sentence(first: str, last: str, found: Sequence[Change]) -> str:
    """What changed, in one sentence."""
    shown = [change for change in found if change.shown]
    between = f"between {first} and {last}"
    if not found:
        return f"No figure with an interval was measured in both nights {between}."
    if not shown:
        return f"No difference is shown {between}: of {len(found)} figures none changed by more than chance would."
    verb = "differs" if len(shown) == 1 else "differ"
    return f"{len(shown)} of {len(found)} figures {verb} {between} by more than chance would, the surest first below."


def compare_nights(ctx: Context, options: Nights) -> None:
    """Write the page and print what changed.

    Raises
    ------
    UsageError, ContractError
        As :func:`days_of` and :func:`read_nights`.
    """
    days = days_of(options.nights)
    nights = read_nights(ctx, days)
    found = changes(nights)
    environment = page_environment()
    environment.globals |= {"quantity": quantity, "interval": interval, "p_value": p_value}
    said = sentence(nights[0]["ds"], nights[-1]["ds"], found)
    html = environment.get_template("nights.html.j2").render(
        days=[night["ds"] for night in nights],
        sentence=said,
        charts=charts(nights),
        changes=found,
        nights=nights,
        settings=settings_changed(ctx, days),
    )
    target = options.out or ctx.home / "reports" / "nights.html"
    write_text(target, html)
    print(said)
    for change in found:
        if change.shown:
            unit = change.figure["unit"]
            span = interval(change.low, change.high, unit)
            print(f"  {change.figure['name']}: {quantity(change.difference, unit)} ({span}), {p_value(change.p)}")
    print(target)
