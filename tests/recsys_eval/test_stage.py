"""The evaluation as a stage."""

import json

import jsonschema
import pytest
from pydantic import ValidationError

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


def test_the_document_keeps_the_schema_that_is_written_beside_it(evaluated_night):
    folder = stage.report_dir(evaluated_night.ctx)
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    schema = json.loads((folder / "metrics.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert document["figures"]
    assert document["ranking_lift"]
    assert {row["dimension"] for row in document["slices"]} == {"user"}  # others have too few users here
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "figures": [{"name": "alone"}]}, schema)


def test_a_document_of_another_form_is_not_written(tmp_path):
    with pytest.raises(ValidationError):
        evaluation.write_metrics(tmp_path / "metrics.json", {"ds": "2026-03-29"})
    assert not list(tmp_path.iterdir())
