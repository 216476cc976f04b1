"""Folders of codes over public pipelines."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.personalization.dppmg.pictures.public.store import (
    CONFIG,
    WEIGHTS,
    is_saved,
    load_pipeline,
    painting_fingerprint,
)
from generation.personalization.methods import method_fingerprints
from tests.support.models import tiny_generators, tiny_language
from tests.support.models.pipeline_requests import CODES, TITLES


def settings(folder):
    return GenerationSettings(method="dppmg", adapters={"dppmg": str(folder)})


@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_what_was_trained_is_saved_alone_and_paints_the_same(saved, family):
    folder, model = saved(family)
    assert is_saved(folder)
    weights = load_file(folder / WEIGHTS)
    assert {name.split(".")[0] for name in weights} == {"tokens", "pooled", "denoiser"}
    assert all("lora_" in name for name in weights if name.startswith("denoiser"))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parameters"] == sum(weight.numel() for weight in weights.values())
    painting = {"seeds": [1, 2], "steps": 1, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
    again = load_pipeline(folder)
    np.testing.assert_array_equal(again.paint(TITLES, CODES, **painting), model.paint(TITLES, CODES, **painting))


@pytest.mark.parametrize("part", ["text_encoder_2", "unet"])
def test_another_pipeline_is_refused(saved, tmp_path, part):
    folder, model = saved("sdxl")
    other = shutil.copytree(model.config.generator, tmp_path / "other")
    torch.manual_seed(9)
    if part == "unet":
        changed = tiny_generators.unet(
            addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=44
        )
    else:
        changed = tiny_language.clip(8, projection=20)
    changed.save_pretrained(other / part)
    moved = shutil.copytree(folder, tmp_path / "moved")
    config = json.loads((moved / CONFIG).read_text()) | {"generator": str(other)}
    (moved / CONFIG).write_text(json.dumps(config))
    manifest = json.loads((moved / "manifest.json").read_text())
    manifest["files"].pop(str(CONFIG))
    (moved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=r"was trained over a (text|denoiser) with fingerprint"):
        load_pipeline(moved)


def test_changed_and_missing_files_are_refused(saved, tmp_path):
    folder, _ = saved("sdxl")
    assert method_fingerprints(settings(folder), "0123")["dppmg"] == painting_fingerprint(folder)
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / WEIGHTS).write_bytes(b"something else")
    with pytest.raises(UsageError, match="SHA-256"):
        method_fingerprints(settings(broken), "0123")
    (broken / CONFIG).unlink()
    with pytest.raises(UsageError, match=r"pipeline.json is missing: .* --profile dppmg-production"):
        method_fingerprints(settings(broken), "0123")


def test_a_pipeline_that_is_not_here_is_named(saved, tmp_path):
    folder, _ = saved("sdxl")
    moved = shutil.copytree(folder, tmp_path / "moved")
    config = json.loads((moved / CONFIG).read_text()) | {"generator": "nobody/nothing"}
    (moved / CONFIG).write_text(json.dumps(config))
    manifest = json.loads((moved / "manifest.json").read_text())
    manifest["files"].pop(str(CONFIG))
    (moved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="No checkpoint 'nobody/nothing'"):
        load_pipeline(moved)
