"""With the safety scorer or the review database down nothing is published, and the exit code says so."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.private_postgres import free_port
from conf.errors import GateError, TryAgainError
from conf.settings import Settings
from generation.painting.inspection import Inspection
from generation.pictures import to_webp
from generation.rewards.safety import Safety, SafetyDown
from jobs.lake.images import ImageStore
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.ledger import past_runs
from jobs.nightly import run_stages
from jobs.progress import Lines
from jobs.publishing import stage as publish
from jobs.stages import STAGES
from reward_model.encoders.assets import OPEN_NSFW
from tests.generation.review.policy.test_stage import DS, generated
from tests.support.worlds import tiny

LAST = [stage for stage in STAGES if stage.name in ("review-policy", "review-sync", "publish")]


def night(context):
    return run_stages(context, LAST, Lines(Console(quiet=True), []))


def shown(context):
    return context.lake.read("published_covers", ds=DS).num_rows if context.lake.exists("published_covers") else 0


def test_the_safety_scorer_was_down(make_context):
    context = make_context(ds=DS)
    tiny.write(context, [generated(name, rewards={"relevance": 0.9}) for name in "ab"], GENERATED_COVERS)
    with pytest.raises(GateError, match="safety scorer was down") as stopped:
        night(context)
    assert stopped.value.exit_code == 4
    assert shown(context) == 0
    assert past_runs(context)["review-policy"].done is False
    assert publish.run(context).rows == {"published_covers": 0}


def test_the_review_database_is_down(make_context):
    context = make_context(ds=DS, review={"database": f"postgresql://desk:secret@127.0.0.1:{free_port()}/desk"})
    tiny.write(context, [generated("a")], GENERATED_COVERS)
    with pytest.raises(TryAgainError, match="review database does not answer") as stopped:
        night(context)
    assert stopped.value.exit_code == 75
    assert "secret" not in str(stopped.value)
    assert shown(context) == 0


@pytest.mark.parametrize("content", [None, b"", b"no onnx at all"])
def test_a_scorer_that_cannot_be_loaded_stops_the_night_before_anything_is_written(tmp_path, monkeypatch, content):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    if content is not None:
        (tmp_path / OPEN_NSFW).write_bytes(content)
        (tmp_path / f"{OPEN_NSFW}.json").write_text(json.dumps({"sha256": hashlib.sha256(content).hexdigest()}))
    candidates = pd.DataFrame({"unit_id": ["u"], "candidate": [0], "score": [1.0], "publishable": [True]})
    images = ImageStore(str(tmp_path / "images"))
    candidates["cover_id"] = images.put(to_webp(np.zeros((64, 64, 3), np.uint8)))
    context = SimpleNamespace(ds=DS, settings=Settings(), images=images)
    with pytest.raises(TryAgainError, match=r"safety scorer is down.*coverlift doctor") as stopped:
        Inspection(context).chosen(candidates)
    assert stopped.value.exit_code == 75


def test_a_scorer_that_stops_answering_is_down(monkeypatch):
    from reward_model.encoders.assets import verified_asset

    safety = Safety(verified_asset(OPEN_NSFW), threads=1)
    assert 0 <= safety.probabilities(np.zeros((1, 64, 64, 3), np.uint8))[0] <= 1
    monkeypatch.setattr("generation.rewards.safety.CROP", 200)  # pictures of a size that the network refuses
    with pytest.raises(SafetyDown):
        safety.probabilities(np.zeros((1, 64, 64, 3), np.uint8))
