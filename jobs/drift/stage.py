"""The stage ``drift``: tonight beside the nights before it, before anything is painted.

A night is compared with days before it only, whenever it runs: a backfilled day does not know what came later.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.drift import DriftSettings
from conf.errors import GateError
from jobs.drift.figure import HOUR, POLICY, Judged, number
from jobs.drift.inputs import day_figures
from jobs.drift.judgement import (
    judge_gross,
    judge_scores,
    judge_shares,
    judge_value,
    shares_by,
    stability_index,
)
from jobs.drift.segments import SegmentTable, movement, own_figures
from jobs.lake.context import Context, StageResult
from jobs.lake.lake import Lake
from jobs.lake.schema.evaluation import DRIFT

logger = logging.getLogger(__name__)

Figures = Mapping[str, float]


def run(context: Context) -> StageResult:
    """Write the table ``drift`` of the night; figures that are far off are named in the log and the night's summary.

    Raises
    ------
    GateError
        When a figure is beyond a limit that ends the night; the table is written then, too.
    """
    night = Night.of(context)
    judged = list(night.judged())
    rows = [{"ds": night.ds, **asdict(each)} for each in judged]
    written = context.lake.replace(pa.Table.from_pylist(rows, schema=DRIFT.schema), "drift", ds=night.ds)
    told = {word: [each for each in judged if each.verdict == word] for word in ("warn", "stop")}
    for each in told["warn"]:
        logger.warning("drift of %s: %s", night.ds, each)
    if told["stop"]:
        raise GateError(refusal(night, told["stop"]))
    compared = sum(each.verdict is not None for each in judged)
    metrics = {"drift_judged": float(compared), "drift_warnings": float(len(told["warn"]))}
    return StageResult(rows={"drift": written}, metrics=metrics, note=summary(night, judged))


def rehearse(context: Context) -> StageResult:
    """What :func:`run` would say of the night, without writing it or ending it."""
    night = Night.of(context)
    return StageResult(note=summary(night, list(night.judged())))


@dataclass(frozen=True, kw_only=True)
class Night:
    """What tonight is compared with."""

    lake: Lake
    ds: str
    settings: DriftSettings
    days: Sequence[str]
    """Days of the log before tonight, the last of them, oldest first."""
    nights: Sequence[str]
    """Nights before tonight that have their figures."""
    kept: Mapping[str, Figures]
    """Figures by night."""

    @classmethod
    def of(cls, context: Context) -> "Night":
        """Tonight."""
        lake, ds, chosen = context.lake, context.ds.isoformat(), context.settings.drift
        days = sorted(day for day in lake.partitions("impressions") if day < ds)[-chosen.nights :]
        nights = sorted(night for night in lake.partitions("drift") if night < ds)[-chosen.nights :]
        kept: dict[str, dict[str, float]] = {}
        if nights:
            columns = ["ds", "figure", "value"]
            for row in lake.read("drift", ds=sorted({*days, *nights}), columns=columns).to_pylist():
                kept.setdefault(row["ds"], {})[row["figure"]] = row["value"]
        return cls(lake=lake, ds=ds, settings=chosen, days=days, nights=nights, kept=kept)

    @property
    def log_is_known(self) -> bool:
        """Whether there are enough days of the log before tonight."""
        return len(self.days) >= self.settings.nights

    def judged(self) -> Iterator[Judged]:
        """Every figure of tonight, one by one."""
        yield from self._log()
        yield from self._segments()
        yield from self._plan()

    def _log(self) -> Iterator[Judged]:
        now = day_figures(self.lake, self.ds)
        before = [self._day(day) for day in self.days] if self.log_is_known else []
        for figure, value in now.items():
            if figure.startswith((HOUR, POLICY)):
                yield Judged(figure=figure, value=value)
            else:
                yield self._value(figure, value, before, judge_gross)
        for figure, prefix in (("hours", HOUR), ("policies", POLICY)):
            _, counts = shares_by(prefix, [*before, now])
            earlier = np.asarray(counts[:-1]).sum(axis=0)
            if before and sum(counts[-1]) and earlier.sum():
                yield judge_shares(figure, counts[-1], earlier.tolist(), len(before), self.settings)

    def _day(self, day: str) -> Figures:
        """Figures of a day of the log: of its night, or counted now where it had none."""
        kept = self.kept.get(day, {})
        return kept if "rows" in kept else day_figures(self.lake, day)

    def _segments(self) -> Iterator[Judged]:
        now, known = SegmentTable.read(self.lake, self.ds), [self.kept[night] for night in self.nights]
        for figure, value in own_figures(now).items():
            yield self._value(figure, value, known, judge_value)
        last = self.nights[-1:]
        moved = movement(SegmentTable.read(self.lake, last[0]), now) if last else None
        if moved is None:
            return
        yield self._value("centroid_movement", moved.centroids, known, judge_value)
        if len(self.nights) < self.settings.nights:
            yield Judged(figure="segment_sizes", value=stability_index(moved.now.tolist(), moved.before.tolist()))
        else:
            yield judge_shares(
                "segment_sizes", moved.now.tolist(), moved.before.tolist(), len(self.nights), self.settings
            )

    def _plan(self) -> Iterator[Judged]:
        now, known = planned_gains(self.lake, [self.ds]), [self.kept[night] for night in self.nights]
        yield self._value("planned_units", float(len(now)), known, judge_value)
        if not len(now):
            return
        yield self._value("planned_gain", float(now.mean()), known, judge_value)
        planned = sorted(night for night in self.lake.partitions("generation_plan") if night < self.ds)
        planned = planned[-self.settings.nights :]
        before = planned_gains(self.lake, planned)
        if len(planned) >= self.settings.nights and len(before):
            yield judge_scores("planned_gains", now, before, len(planned), self.settings)

    def _value(
        self,
        figure: str,
        value: float,
        before: Sequence[Figures],
        judge: Callable[[str, float, Sequence[float], DriftSettings], Judged],
    ) -> Judged:
        """A figure beside those of the same name; not judged where too few nights have it."""
        known = [each[figure] for each in before if figure in each]
        if len(known) < self.settings.nights:
            return Judged(figure=figure, value=value)
        return judge(figure, value, known, self.settings)


def planned_gains(lake: Lake, nights: Sequence[str]) -> npt.NDArray[np.float64]:
    """Expected gains (clicks a day) of the units to publish of some nights' plans."""
    if not nights:
        return np.zeros(0)
    columns, published = ["expected_gain"], [("purpose", "==", "publish")]
    found = lake.read("generation_plan", ds=nights, columns=columns, filters=published)
    return np.asarray(found["expected_gain"].to_numpy(), float)


def refusal(night: Night, stops: Sequence[Judged]) -> str:
    """Why the night ends, and what mends it."""
    named = "; ".join(str(each) if each.usual is None else f"{each}, median {number(each.usual)}" for each in stops)
    return (
        f"Drift: on {night.ds} {named}, by the {night.settings.nights} nights before. Nothing was painted. Mend the "
        f"log of {night.ds} and run the night again. If the day is right, let it pass by a limit of section drift, for "
        "this night alone: -o drift.least_rows_share=null, -o drift.stop_without_clicks=false, or the figure's own in "
        "drift.figures."
    )


def summary(night: Night, judged: Sequence[Judged]) -> str:
    """One line: how much was compared with what, and what is far off."""
    wanted, missing = night.settings.nights, []
    if not night.log_is_known:
        missing.append(f"the log is not judged, {len(night.days)} of {wanted} days before are known")
    if len(night.nights) < wanted:
        missing.append(f"segments and plan are not judged, {len(night.nights)} of {wanted} nights before are known")
    compared = [each for each in judged if each.verdict is not None]
    far_off = [each for each in compared if each.verdict != "usual"]
    words = f"{len(far_off)} far off: {'; '.join(map(str, far_off))}" if far_off else "none far off"
    return "; ".join([f"{len(compared)} figures judged, {words}" if compared else "nothing is judged", *missing])
