"""Folders of Pigeons over public checkpoints."""

import json

import numpy as np
import pytest
import torch

from generation.personalization.pigeon.public.store import load_config, load_pigeon, restore, save_pigeon
from tests.support.models import tiny_generators


def test_what_was_saved_paints_the_same_picture(public, tmp_path):
    model = public.fresh("llava", "sdxl")
    with torch.no_grad():
        for weight in model.trainable().values():
            weight.add_(0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    batch = public.batch(model)
    painting = {"seeds": [1, 2, 3], "steps": 1, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
    painted = model.paint(batch, **painting)
    assert len(save_pigeon(model, tmp_path, {"command": "the command"})) == 16
    np.testing.assert_array_equal(load_pigeon(tmp_path).paint(batch, **painting), painted)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["command"] == "the command"
    assert set(manifest["bases"]) == {"mllm", "generator"}
    assert (public.fresh("llava", "sdxl").paint(batch, **painting) != painted).any()


def test_other_bases_and_changed_files_are_refused(public, tmp_path):
    save_pigeon(public.fresh(), tmp_path)
    with pytest.raises(ValueError, match="trained over a mllm with fingerprint"):
        restore(public.fresh("idefics3"), tmp_path)
    with pytest.raises(ValueError, match="trained over a generator with fingerprint"):
        restore(public.fresh("llava", "sdxl"), tmp_path)
    (tmp_path / "pigeon.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        load_config(tmp_path)
    with pytest.raises(FileNotFoundError, match="save_pigeon wrote whole"):
        load_config(tmp_path / "nowhere")
