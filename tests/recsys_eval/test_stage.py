"""The evaluation as a stage."""

from recsys_eval import stage as evaluation
from recsys_eval.report import stage
from tests.support.worlds.sticker_night import PARTS


def test_evaluating_again_changes_nothing(evaluated_night):
    before = (stage.report_dir(evaluated_night.ctx) / "metrics.json").read_bytes()
    rows = evaluated_night.lake.read("ranking_lift", ds=evaluated_night.ctx.ds).sort_by("metric").num_rows
    result = evaluation.evaluate(evaluated_night, PARTS)
    assert (stage.report_dir(evaluated_night.ctx) / "metrics.json").read_bytes() == before
    assert evaluated_night.lake.read("ranking_lift").num_rows == rows == result.rows["ranking_lift"]
    assert "CTR of published covers" in result.note
    assert set(result.metrics) == {"wndcg_lift_played", "wndcg_lift_log", "ab_lift"}
