"""What is opened as an adapter, and what is not."""

import json
import shutil

import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.personalization.methods import method_fingerprints


def test_another_generator_a_changed_file_and_no_adapter_are_refused(shipped, tmp_path):
    settings = GenerationSettings(method="icg", icg=str(shipped[0]))
    with pytest.raises(UsageError, match=r"was trained on generator .*, and 0123 would paint"):
        method_fingerprints(settings, "0123")
    with pytest.raises(UsageError, match=r"coverlift train icg"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(tmp_path)), "0123")
    copy = tmp_path / "copy"
    shutil.copytree(shipped[0], copy)
    generator = json.loads((copy / "manifest.json").read_text())["generator"]
    (copy / "lora" / "lora.safetensors").write_bytes(b"something else")
    with pytest.raises(UsageError, match="SHA-256"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(copy)), generator)
