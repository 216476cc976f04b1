"""Stage ``evaluate``: every figure of the night, into ``ranking_lift`` and ``metrics.json``."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.lake.context import Context, StageResult
from jobs.lake.schema.evaluation import RANKING_LIFT
from recsys_eval.document import MetricsDocument
from recsys_eval.experiment.drawing_policy import measure_drawings
from recsys_eval.experiment.played_day import measure_experiment
from recsys_eval.log_origin import describe_log
from recsys_eval.night import Findings, Night
from recsys_eval.ranking.compare import rank_log, rank_played
from recsys_eval.ranking.features import Scorer
from recsys_eval.simulation.measure import measure_world
from recsys_eval.simulation.true_clicks import WorldClicks
from recsys_eval.texts import finite, write_json
from reward_model.encoders.model import ENCODER_ID
from reward_model.registry import champion_dir
from reward_model.scorer import PersonalScorer

Part = Callable[[Night], Findings]
PARTS: tuple[Part, ...] = (describe_log, rank_log, rank_played, measure_experiment, measure_drawings, measure_world)
"""In this order; each is independent of the others."""
HEADLINES = {
    "lambdarank-played.generated.wndcg@10.lift": "wndcg_lift_played",
    "lambdarank-log.generated.wndcg@10.lift": "wndcg_lift_log",
    "ab.published_pairs.lift": "ab_lift",
    "truth.all.published.lift": "true_lift_simulated",
    "truth.all.published.gap_closed": "gap_closed_simulated",
}
"""Figures that go into the run ledger, by their short names there."""


def run(ctx: Context) -> StageResult:
    """Evaluate the night: replaces its partition of ranking_lift and its ``metrics.json``."""
    return evaluate(open_night(ctx))


def open_night(ctx: Context) -> Night:
    """The night with the encoder of today and its champion; nothing is read yet but the champion's name."""
    model_dir = champion_dir(ctx.home, ctx.ds)

    @cache
    def scorer_of(day: date) -> Scorer:
        return PersonalScorer.load(ctx.lake, model_dir, day)

    truth = WorldClicks(ctx) if ctx.settings.ingest.source == "stickers" else None
    return Night(ctx=ctx, encoder_id=ENCODER_ID, scorer_of=scorer_of, truth=truth)


def evaluate(night: Night, parts: tuple[Part, ...] = PARTS) -> StageResult:
    """Run the parts and write what they found."""
    findings = Findings()
    for part in parts:
        findings.add(part(night))
    ctx = night.ctx
    ds = ctx.ds.isoformat()
    rows = [{"ds": ds, **row} for row in findings.rows]
    ctx.lake.replace(pa.Table.from_pylist(rows, schema=RANKING_LIFT.schema), "ranking_lift", ds=ctx.ds)
    write_metrics(report_dir(ctx) / "metrics.json", as_document(night, findings))
    values = {figure.name: figure.value for figure in findings.figures}
    metrics = {short: values[name] for name, short in HEADLINES.items() if name in values}
    return StageResult(rows={"ranking_lift": len(rows)}, metrics=metrics, note=_note(findings))


def report_dir(ctx: Context) -> Path:
    """Folder of the night's report."""
    return ctx.home / "reports" / f"ds={ctx.ds.isoformat()}"


def as_document(night: Night, findings: Findings) -> dict[str, Any]:
    """Contents of ``metrics.json``: figures, rows of ranking_lift, slices of the lift and notes."""
    return {
        "ds": night.ctx.ds.isoformat(),
        "cut": night.ctx.cut.isoformat(),
        "source": night.ctx.settings.ingest.source,
        "simulated": night.simulated,
        "figures": [figure.as_dict() for figure in findings.figures],
        "ranking_lift": findings.rows,
        "slices": findings.slices,
        "notes": findings.notes,
        "caveats": findings.caveats,
    }


def write_metrics(path: Path, document: dict[str, Any]) -> None:
    """Write ``metrics.json``, its schema first.

    Raises
    ------
    pydantic.ValidationError
        The document is none of :class:`recsys_eval.document.MetricsDocument`.
    """
    MetricsDocument.model_validate(finite(document), strict=True)
    write_json(path.with_name("metrics.schema.json"), MetricsDocument.model_json_schema())
    write_json(path, document)


def _note(findings: Findings) -> str:
    """One line: the A/B, or else the lift on the log, and how many figures there are."""
    figures = {figure.name: figure for figure in findings.figures}
    for name, words in (
        ("ab.published_pairs.lift", "CTR of published covers"),
        ("lambdarank-log.generated.wndcg@10.lift", "examination-weighted NDCG@10 with generated covers on the log"),
    ):
        found = figures.get(name)
        if found is not None:
            return f"{words} {found.value:+.1%} [{found.low:+.1%}, {found.high:+.1%}]; {len(figures)} figures"
    return f"{len(figures)} figures; {len(findings.notes)} things could not be measured"
