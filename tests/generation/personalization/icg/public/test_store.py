"""Folders of models over public checkpoints."""

import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.personalization.methods import method_fingerprints


def test_the_fingerprint_follows_the_canvas_and_bad_folders_are_refused(saved, tmp_path):
    folder = saved("llava", "stable-diffusion")
    small, large = (GenerationSettings(method="icg", icg=str(folder), canvas=size) for size in (32, 64))
    assert method_fingerprints(small, "0123")["icg"] != method_fingerprints(large, "0123")["icg"]
    assert method_fingerprints(small, "0123")["profile"] == "0123"
    (tmp_path / "icg.safetensors").write_bytes(b"half of it")
    with pytest.raises(UsageError, match="save_icg wrote whole"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(tmp_path)), "0123")
