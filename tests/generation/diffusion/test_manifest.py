import hashlib
import json

import pytest

from generation.diffusion.manifest import MANIFEST, check_files, manifest_facts, write_manifest


def test_weights_and_configurations_are_hashed_and_other_files_are_not(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"abc")
    (tmp_path / "notes.txt").write_text("no part of it")
    write_manifest(tmp_path, {"command": "train"})
    written = json.loads((tmp_path / MANIFEST).read_text())
    assert written == {
        "files": {"unet/weights.safetensors": hashlib.sha256(b"abc").hexdigest()},
        "command": "train",
    }
    check_files(tmp_path, written["files"])
    write_manifest(tmp_path, {"command": "train"})  # the manifest is no part of itself
    assert json.loads((tmp_path / MANIFEST).read_text()) == written


def test_a_changed_file_is_named(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"abc")
    write_manifest(tmp_path, {})
    files = json.loads((tmp_path / MANIFEST).read_text())["files"]
    (tmp_path / "weights.safetensors").write_bytes(b"abd")
    with pytest.raises(ValueError, match=r"weights\.safetensors has SHA-256"):
        check_files(tmp_path, files)


def test_the_facts_of_a_manifest_are_what_stands_beside_the_hashes(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"abc")
    write_manifest(tmp_path, {"command": "train", "date": "2026-11-29"})
    assert manifest_facts(tmp_path) == {"command": "train", "date": "2026-11-29"}
