import json
from datetime import timedelta

import pytest

from jobs.lake.context import Context
from reward_model import registry, stage
from reward_model.metrics import log_loss
from tests.support.worlds.toy_world import ENCODER


@pytest.fixture
def context(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "ENCODER_ID", ENCODER)
    context = Context(ds=toy.ds, home=tmp_path, settings=toy.settings)
    context.__dict__["lake"] = toy.lake
    return context


def test_the_stage_writes_a_measured_champion_once(context, split, monkeypatch):
    result = stage.run(context)
    folder = registry.champion_dir(context.home, context.ds)
    manifest = json.loads((folder / "model.json").read_text())
    assert result.rows == {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
    assert set(manifest["metrics"]) == {
        "torch",
        "lightgbm",
        "item_ctr",
        "torch - lightgbm",
        "torch - item_ctr",
        "lightgbm - item_ctr",
    }
    predictor = registry.load_predictor(folder)
    measured = manifest["metrics"]["torch"]["log_loss"]
    assert measured["value"] == pytest.approx(log_loss(split.test.clicked, predictor.probabilities(split.test)))
    assert measured["low"] < measured["value"] < measured["high"]
    assert sum(row["rows"] for row in manifest["reliability"]["torch"]) == len(split.test)
    assert manifest["cut"] == context.cut.isoformat()
    assert manifest["tables"]["impressions"] >= 0
    assert manifest["position_logit"][0] == 0.0
    assert manifest["position_logit"][5] < 0.0
    assert result.metrics["torch_gauc"] == manifest["metrics"]["torch"]["gauc"]["value"]

    monkeypatch.setattr(stage, "train", None)  # a second run trains nothing
    again = stage.run(context)
    assert again == result
    assert registry.champion_dir(context.home, context.ds) == folder


@pytest.fixture
def two_versions(context, trained, baseline):
    for version in ("good", "poor"):
        registry.save(context.home, version, trained.predictor, baseline, {})
    path = registry.models_dir(context.home) / "poor" / "model.json"
    manifest = json.loads(path.read_text())
    manifest["calibration"]["torch"]["intercept"] += 2.0
    path.write_text(json.dumps(manifest))
    return context


def test_a_worse_model_stays_challenger(two_versions, split):
    context = two_versions
    registry.write_champion(context.home, context.ds - timedelta(days=1), {"version": "good"})
    decision = stage.choose_champion(context, "poor", split.validation)
    assert decision["version"] == "good"
    assert decision["challenger"] == "poor"
    assert decision["gate"]["verdict"] == "refused"
    assert decision["gate"]["challenger_log_loss"] > decision["gate"]["champion_log_loss"] + stage.TOLERANCE


def test_a_better_model_becomes_champion(two_versions, split):
    context = two_versions
    registry.write_champion(context.home, context.ds - timedelta(days=1), {"version": "poor"})
    decision = stage.choose_champion(context, "good", split.validation)
    assert (decision["version"], decision["gate"]["verdict"]) == ("good", "passed")


def test_a_later_night_does_not_decide_an_earlier_one(two_versions, split):
    context = two_versions
    registry.write_champion(context.home, context.ds + timedelta(days=1), {"version": "good"})
    decision = stage.choose_champion(context, "poor", split.validation)
    assert (decision["version"], decision["gate"]["verdict"]) == ("poor", "first")


def test_another_encoder_cannot_be_compared(two_versions, split):
    context = two_versions
    path = registry.models_dir(context.home) / "good" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "encoder_id": "older"}))
    registry.write_champion(context.home, context.ds - timedelta(days=1), {"version": "good"})
    decision = stage.choose_champion(context, "poor", split.validation)
    assert (decision["version"], decision["gate"]["verdict"]) == ("poor", "encoder changed")
