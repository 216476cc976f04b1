"""Folders of models over public checkpoints."""

import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.personalization.methods import method_fingerprints


def test_the_fingerprint_follows_the_folder_and_bad_ones_are_refused(saved, tmp_path):
    one, other = (
        GenerationSettings(method="icg", icg=str(saved("llava", family))) for family in ("stable-diffusion", "sdxl")
    )
    assert method_fingerprints(one, "0123")["icg"] != method_fingerprints(other, "0123")["icg"]
    assert method_fingerprints(one, "0123")["profile"] == "0123"
    (tmp_path / "icg.safetensors").write_bytes(b"half of it")
    with pytest.raises(UsageError, match="save_icg wrote whole"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(tmp_path)), "0123")
