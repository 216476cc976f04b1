"""Stage ``report``: the night as one HTML page that asks nothing of any network."""

import json
from typing import Any

from conf.errors import UsageError
from jobs.lake.context import Context, StageResult
from jobs.stages import STAGES
from recsys_eval.report import view
from recsys_eval.report.answer import answers
from recsys_eval.report.gallery import load_gallery
from recsys_eval.report.pages import page_environment
from recsys_eval.report.slices import where_charts
from recsys_eval.report.wording import percent, quantity
from recsys_eval.stage import report_dir
from recsys_eval.texts import write_text
from reward_model.registry import champion_dir, read_manifest


def run(ctx: Context) -> StageResult:
    """Write ``index.html`` beside ``metrics.json``; the same night gives the same page.

    Raises
    ------
    UsageError
        The night was not evaluated.
    """
    folder = report_dir(ctx)
    if not (folder / "metrics.json").is_file():
        raise UsageError(f"{folder / 'metrics.json'} is missing: run `coverlift evaluate --ds {ctx.ds}` first")
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    html = render(ctx, document)
    target = folder / "index.html"
    write_text(target, html)
    return StageResult(metrics={"megabytes": len(html.encode()) / 1e6}, note=str(target))


def render(ctx: Context, document: dict[str, Any]) -> str:
    """The page.

    Parameters
    ----------
    ctx
        The night.
    document
        Contents of ``metrics.json``.
    """
    environment = page_environment()
    environment.filters |= {"data_uri": view.data_uri, "percent": percent}
    environment.globals["quantity"] = quantity
    figures = {figure["name"]: figure for figure in document["figures"]}
    rows = document["ranking_lift"]
    gallery = load_gallery(ctx, count=view.SHEET_ITEMS)
    rewards, decisions = view.candidate_rewards(ctx)
    return environment.get_template("report.html.j2").render(
        ds=document["ds"],
        cut=document["cut"],
        next_day=ctx.ds.fromordinal(ctx.ds.toordinal() + 1).isoformat(),
        simulated=document["simulated"],
        sentence=view.sentence(figures),
        answers=answers(figures),
        cards=view.cards(figures),
        segments=view.segment_views(gallery),
        gallery=gallery,
        arm_names=view.ARM_NAMES,
        ab=view.ab_chart(rows),
        lifts=view.lift_groups(rows),
        slices=view.slice_chart(rows),
        where=where_charts(document["slices"]),
        truth=view.truth_chart(rows),
        values=view.value_rows(rows),
        figures=document["figures"],
        rows=rows,
        methods=view.method_rows(figures, ctx.settings.generation.method),
        method_columns=[title for _, title in view.METHOD_FIGURES],
        ahead=[figure for name, figure in figures.items() if name.startswith("truth.over_")],
        painted=figures.get("truth.feed.published.painted"),
        rewards=rewards,
        decisions=decisions,
        reward_model=_reward_model(ctx),
        timings=view.timing_rows(_runs(ctx)),
        quarantine=view.quarantine_counts(ctx),
        drift=view.drift(ctx),
        notes=document["notes"],
        caveats=document.get("caveats", ()),
        resamples=ctx.settings.evaluate.bootstrap,
    )


def _reward_model(ctx: Context) -> view.RewardModel | None:
    try:
        return view.reward_model(read_manifest(champion_dir(ctx.home, ctx.ds)))
    except UsageError:
        return None


def _runs(ctx: Context) -> list[dict[str, Any]]:
    """Runs of the night in the order of the stages."""
    if not ctx.lake.exists("runs"):
        return []
    order = [stage.name for stage in STAGES]
    found = ctx.lake.read("runs", ds=ctx.ds, columns=["stage", "status", "seconds"]).to_pylist()
    return sorted((run for run in found if run["stage"] in order), key=lambda run: order.index(run["stage"]))
