"""What the report shows, put into words and rows; the template only lays it out."""

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from jobs.drift.figure import Judged
from jobs.lake.context import Context
from recsys_eval.report.charts import Axis, axis_of, bar, calibration_plot, interval_strip
from recsys_eval.report.gallery import Gallery, GalleryItem, GallerySegment
from recsys_eval.report.wording import interval, p_value, percent, quantity, seconds, significant
from recsys_eval.statistics.multiple import holm

METRIC_NAMES = {
    "wndcg@10": "NDCG@10, clicks weighted by inverse examination",
    "true ndcg@10": "NDCG@10 by true click probabilities (what the weighted one estimates)",
    "ndcg@10": "NDCG@10 of clicks as logged: biased by position, it favours the order that was shown",
    "mrr": "MRR of clicks as logged: biased by position",
    "gauc": "GAUC",
}
ARM_NAMES = {
    "generated": "generated covers",
    "shuffled": "control: another segment's covers",
    "random drawing": "control: an existing drawing at random",
    "unpersonalised": "control: unpersonalised covers",
    "a/a": "control: A/A, other seeds",
    "truth, covers": "attainable: true probabilities, covers known",
    "truth, originals": "true probabilities of the originals",
    "logged order": "the order of the log",
    "original": "without generated covers",
    "published": "published covers",
    "best drawing": "best existing drawing (ceiling)",
    "best drawing judged": "the same, judged like a painted cover",
    "best drawing unseen": "the same, and its own copy unknown",
}
RANKER_NAMES = {
    "lambdarank-played": "Played next day: treated users saw published covers",
    "lambdarank-log": "Log as it was: covers known to the ranker, shown to nobody",
}
SLICES = "p values hold for all slices together (Holm); each interval is for its own."
ITEMS_PER_SEGMENT = 8
SHEET_ITEMS = 24


@dataclass(frozen=True, kw_only=True)
class Card:
    """One headline figure."""

    title: str
    value: str
    interval: str
    detail: str
    simulated: bool
    verdict: str
    """``up``, ``down`` or ``open``: whether the interval excludes zero."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a forest or bar chart."""

    label: str
    value: str
    note: str = ""
    strip: Markup = field(default_factory=Markup)
    strong: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Rows under one heading."""

    title: str
    rows: list[Row]
    caption: str = ""


HEADLINES = (
    ("ab.published_pairs.lift", "Clicks on published covers", "CTR of users who saw them against those who did not"),
    (
        "lambdarank-played.generated.wndcg@10.lift",
        "Ranking, next day",
        "examination-weighted NDCG@10 of a ranker that knows the covers",
    ),
    (
        "truth.all.published.lift",
        "True click probability",
        "published covers against originals, asked of the model of users",
    ),
    ("truth.all.published.gap_closed", "Gap closed", "of the way from originals to the best existing drawings"),
    ("looks.published.style_of_real", "Style hit", "favourite style recognised, as a share of real drawings'"),
    (
        "looks.published.recall_of_real",
        "Subject kept",
        "subject found among all new ones, as a share of real drawings'",
    ),
)
"""Figure, title and detail of the cards, in reading order."""


METHOD_FIGURES = (
    ("truth.new_items.{}.lift", "true clicks over the original"),
    ("truth.new_items.{}.gap_closed", "gap to the best drawings closed"),
    ("truth.feed.{}.gap_closed", "the same, whole feed"),
    ("looks.{}.style_of_real", "favourite style, of real drawings'"),
    ("looks.{}.recall_of_real", "subject found, of real drawings'"),
    ("distance.judge.{}", "distance to the true drawing: judge"),
    ("distance.encoder.{}", "distance to the true drawing: encoder"),
    ("diversity.{}", "difference between tastes, of real drawings'"),
)
"""Figure of an arm and its column."""


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """An arm beside the others; the cells are value and interval."""

    name: str
    cells: list[tuple[str, str]]


def method_rows(figures: dict[str, dict[str, Any]], method: str) -> list[MethodRow]:
    """Original, the night's method and those beside it, on new items; empty unless some were painted beside.

    Parameters
    ----------
    figures
        Of the report, by name.
    method
        The night's own.
    """
    others = sorted(name.removeprefix("diversity.") for name in figures if name.startswith("diversity."))
    others = [name for name in others if name != "published"]
    if not others:
        return []
    arms = {"original": "original", "published": f"{method} (published)", **{name: name for name in others}}
    return [
        MethodRow(name=words, cells=[_cell(figures.get(pattern.format(arm))) for pattern, _ in METHOD_FIGURES])
        for arm, words in arms.items()
    ]


def _cell(figure: dict[str, Any] | None) -> tuple[str, str]:
    if figure is None:
        return "", ""
    return quantity(figure["value"], figure["unit"]), interval(figure["low"], figure["high"], figure["unit"])


def data_uri(picture: bytes) -> str:
    """A picture as the page carries it; PNG and WebP are told apart by their first bytes."""
    mime = "image/png" if picture.startswith(b"\x89PNG") else "image/webp"
    if picture.startswith(b"\xff\xd8"):
        mime = "image/jpeg"
    return f"data:{mime};base64,{base64.b64encode(picture).decode()}"


def cards(figures: dict[str, dict[str, Any]]) -> list[Card]:
    """Headline figures that were measured."""
    return [_card(figures[name], title, detail) for name, title, detail in HEADLINES if name in figures]


def _card(figure: dict[str, Any], title: str, detail: str) -> Card:
    low, high = figure["low"], figure["high"]
    verdict = "open"
    if figure["unit"] == "relative lift" and low is not None and high is not None:
        verdict = "up" if low > 0 else "down" if high < 0 else "open"
    return Card(
        title=title,
        value=quantity(figure["value"], figure["unit"]),
        interval=interval(low, high, figure["unit"]),
        detail=f"{detail}; {figure['n']:,} {figure['of']}",
        simulated=figure["simulated"],
        verdict=verdict,
    )


def sentence(figures: dict[str, dict[str, Any]]) -> str:
    """The night in one sentence, cautious where the interval holds zero."""
    found = figures.get("ab.published_pairs.lift") or figures.get("ab.all.lift")
    if found is None:
        return "Whether these covers are clicked more is not known yet."
    span = interval(found["low"], found["high"], found["unit"])
    value = quantity(found["value"], found["unit"])
    who = "Simulated users" if found["simulated"] else "People"
    if found["low"] is not None and found["low"] > 0:
        return f"{who} clicked published covers more: {value} ({span})."
    if found["high"] is not None and found["high"] < 0:
        return f"{who} clicked published covers less: {value} ({span})."
    return f"Whether {who.lower()} click published covers more is open: {value} ({span})."


def forest(rows: Sequence[dict[str, Any]], labels: Sequence[str], title: str, caption: str = "") -> Chart:
    """Relative lifts with intervals, one row each, on a shared axis."""
    axis = axis_of([bound for row in rows for bound in (row["low"], row["high"], row["lift"])])
    return Chart(
        title=title,
        caption=caption,
        rows=[_forest_row(row, label, axis) for row, label in zip(rows, labels, strict=True)],
    )


def _forest_row(row: dict[str, Any], label: str, axis: Axis) -> Row:
    value, span = percent(row["lift"], sign=True), interval(row["low"], row["high"], "relative lift")
    words = f"{label}: {value}, interval {span}"
    note = ", ".join(part for part in (span, p_value(row["p"]), f"{row['users']:,} users") if part)
    strip = interval_strip(row["lift"], row["low"], row["high"], axis, label=words)
    return Row(label=label, value=value, note=note, strip=strip, strong=row["arm"] in ("generated", "published"))


@dataclass(frozen=True, kw_only=True)
class LiftGroup:
    """One ranker's charts, a metric each."""

    title: str
    charts: list[Chart]


def lift_groups(rows: Iterable[dict[str, Any]]) -> list[LiftGroup]:
    """One forest per ranker and metric, over all impressions."""
    kept = [row for row in rows if row["slice"] == "all" and row["lift"] is not None and row["ranker"] in RANKER_NAMES]
    groups = []
    for ranker, title in RANKER_NAMES.items():
        charts = []
        for metric, name in METRIC_NAMES.items():
            arms = sorted(
                (row for row in kept if row["ranker"] == ranker and row["metric"] == metric),
                key=lambda row: list(ARM_NAMES).index(row["arm"]),
            )
            if arms:
                charts.append(forest(arms, [ARM_NAMES[row["arm"]] for row in arms], name))
        if charts:
            groups.append(LiftGroup(title=title, charts=charts))
    return groups


def slice_chart(rows: Iterable[dict[str, Any]]) -> Chart | None:
    """Lift of generated covers by slice, on the played day or else on the log."""
    kept = [
        row
        for row in rows
        if row["arm"] == "generated"
        and row["metric"] == "wndcg@10"
        and row["lift"] is not None
        and not row["slice"].startswith("segment ")  # those are charted by recsys_eval.report.slices
    ]
    for ranker, name in RANKER_NAMES.items():
        chosen = [row for row in kept if row["ranker"] == ranker]
        if chosen:
            adjusted = holm([1.0 if row["p"] is None else row["p"] for row in chosen])
            rows = [{**row, "p": p} for row, p in zip(chosen, adjusted, strict=True)]
            title = "Examination-weighted NDCG@10 of what is left of each request, lift by slice"
            return forest(rows, [row["slice"] for row in rows], title, f"{name}. {SLICES}")
    return None


def truth_chart(rows: Iterable[dict[str, Any]]) -> Chart | None:
    """True lift of published covers, controls and the ceiling."""
    wanted = ("published", "shuffled", "unpersonalised", "best drawing", "best drawing judged", "best drawing unseen")
    place = "simulated truth: all"
    kept = {row["arm"]: row for row in rows if row["slice"] == place and row["metric"] == "true click probability"}
    chosen = [kept[arm] for arm in wanted if arm in kept]
    if not chosen:
        return None
    return forest(chosen, [ARM_NAMES[row["arm"]] for row in chosen], "True click probability against originals")


def ab_chart(rows: Iterable[dict[str, Any]]) -> Chart | None:
    """CTR lift of treated users by selection of impressions."""
    chosen = [row for row in rows if row["metric"] == "ctr" and row["arm"] == "published" and row["lift"] is not None]
    if not chosen:
        return None
    return forest(chosen, [row["slice"].removeprefix("A/B: ") for row in chosen], "CTR lift, treated against control")


def value_rows(rows: Iterable[dict[str, Any]]) -> list[Row]:
    """Off-policy values beside each other."""
    kept = [row for row in rows if row["metric"].startswith("ctr by ")]
    axis = axis_of([bound for row in kept for bound in (row["low"], row["high"])], include=None)
    result = []
    for row in kept:
        label = f"{row['arm']}, {row['metric'].removeprefix('ctr by ').upper()}"
        value = percent(row["value"])
        strip = interval_strip(row["value"], row["low"], row["high"], axis, label=f"{label}: {value}", zero=None)
        note = f"{interval(row['low'], row['high'], 'share')}, {row['users']:,} users"
        result.append(Row(label=label, value=value, note=note, strip=strip))
    return result


def timing_rows(runs: Sequence[dict[str, Any]]) -> list[Row]:
    """Seconds of each stage."""
    if not runs:
        return []
    axis = Axis(low=0.0, high=max([1e-9, *(run["seconds"] for run in runs)]))
    return [
        Row(
            label=run["stage"],
            value=seconds(run["seconds"]),
            note="" if run["status"] == "done" else run["status"],
            strip=bar(run["seconds"], axis, label=f"{run['stage']}: {seconds(run['seconds'])}"),
        )
        for run in runs
    ]


@dataclass(frozen=True, kw_only=True)
class RewardModel:
    """The click model's figures on days it never saw."""

    version: str
    table: list[tuple[str, list[tuple[str, str]]]]
    """Model to AUC, GAUC, log loss and ECE, each with its interval."""
    gain: str
    calibration: Markup
    rows: int


MODEL_NAMES = {"torch": "reward model", "lightgbm": "LightGBM baseline", "item_ctr": "item's CTR"}
MODEL_METRICS = ("auc", "gauc", "log_loss", "ece")


def reward_model(manifest: dict[str, Any]) -> RewardModel:
    """Figures of ``model.json``."""
    metrics = manifest["metrics"]
    table = [
        (name, [_with_interval(metrics[model][metric]) for metric in MODEL_METRICS])
        for model, name in MODEL_NAMES.items()
        if model in metrics
    ]
    gain = metrics.get("torch - lightgbm", {}).get("gauc")
    words = (
        ""
        if gain is None
        else f"GAUC {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f}) over LightGBM on the same features"
    )
    curves = [
        (MODEL_NAMES[model], model, [(point["predicted"], point["observed"]) for point in points])
        for model, points in manifest.get("reliability", {}).items()
        if model in ("torch", "lightgbm")
    ]
    return RewardModel(
        version=manifest["version"],
        table=table,
        gain=words.replace("-", "−"),
        calibration=calibration_plot(curves) if curves else Markup(),
        rows=int(manifest.get("rows", {}).get("test", {}).get("impressions", 0)),
    )


def _with_interval(found: dict[str, float]) -> tuple[str, str]:
    return f"{found['value']:.4f}", f"{found['low']:.4f} to {found['high']:.4f}"


@dataclass(frozen=True, kw_only=True)
class RewardRow:
    """One reward over the night's candidates."""

    name: str
    kept: str
    others: str
    strip: Markup


def candidate_rewards(ctx: Context) -> tuple[list[RewardRow], dict[str, int]]:
    """Mean of every reward over kept and other candidates to publish, and counts of decisions."""
    if not ctx.lake.exists("generated_covers"):
        return [], {}
    filters = [("purpose", "=", "publish")]
    table = ctx.lake.read("generated_covers", ds=ctx.ds, columns=["rewards", "selected"], filters=filters)
    sums: dict[tuple[str, bool], list[float]] = {}
    for rewards, selected in zip(table["rewards"].to_pylist(), table["selected"].to_pylist(), strict=True):
        for name, value in rewards:
            sums.setdefault((name, selected), []).append(value)
    rows = []
    for name in sorted({name for name, _ in sums}):
        kept, others = sums.get((name, True), []), sums.get((name, False), [])
        spread = sorted(kept) or [0.0]
        low, high = spread[int(0.1 * (len(spread) - 1))], spread[int(0.9 * (len(spread) - 1))]
        axis = axis_of([*kept, *others], include=None)
        mean = sum(kept) / len(kept) if kept else float("nan")
        strip = interval_strip(mean, low, high, axis, label=f"{name}: mean {significant(mean)}", zero=None)
        rows.append(
            RewardRow(
                name=name,
                kept=f"{significant(mean)} ({significant(low)} to {significant(high)})",
                others=significant(sum(others) / len(others)) if others else "none",
                strip=strip,
            )
        )
    return rows, _decisions(ctx)


def _decisions(ctx: Context) -> dict[str, int]:
    if not ctx.lake.exists("cover_decisions"):
        return {}
    table = ctx.lake.read("cover_decisions", ds=ctx.ds, columns=["decision", "reason"])
    pairs = zip(table["decision"].to_pylist(), table["reason"].to_pylist(), strict=True)
    kinds = Counter(f"{decision}: {reason.split(':')[0]}" if reason else decision for decision, reason in pairs)
    return dict(kinds.most_common(8))


def quarantine_counts(ctx: Context) -> dict[str, int]:
    """Refused input rows by source and reason, of the days up to ds that were looked at last."""
    if not ctx.lake.exists("quarantine"):
        return {}
    table = ctx.lake.read("quarantine", columns=["source", "reasons"])
    reasons = Counter(
        f"{source}: {reason}"
        for source, names in zip(table["source"].to_pylist(), table["reasons"].to_pylist(), strict=True)
        for reason in names
    )
    return dict(reasons.most_common(12))


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What was compared with the nights before."""

    judged: int
    """Figures; 0 while too few nights are known, or the night was not compared."""
    far_off: list[Judged]


def drift(ctx: Context) -> Drift:
    """What the stage ``drift`` said of the night."""
    if not ctx.lake.exists("drift"):
        return Drift(judged=0, far_off=[])
    rows = ctx.lake.read("drift", ds=ctx.ds, filters=[("verdict", "in", ["usual", "warn", "stop"])])
    told = [Judged(**row) for row in rows.drop_columns(["ds"]).sort_by("figure").to_pylist()]
    return Drift(judged=len(told), far_off=[each for each in told if each.verdict != "usual"])


@dataclass(frozen=True, kw_only=True)
class SegmentView:
    """A segment with its items."""

    segment: GallerySegment
    items: list[GalleryItem]


def segment_views(gallery: Gallery) -> list[SegmentView]:
    """Segments for which something was published, each with its first items."""
    views = []
    for segment in gallery.segments:
        items = [item for item in gallery.items if segment.segment_id in item.painted][:ITEMS_PER_SEGMENT]
        if items:
            views.append(SegmentView(segment=segment, items=items))
    return views
