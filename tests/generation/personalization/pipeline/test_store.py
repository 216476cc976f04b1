import shutil

import pytest

from generation.personalization.pipeline.store import WHOLE, is_saved, painting_fingerprint


def test_the_fingerprint_follows_every_file_and_the_strength(pipelines, tmp_path):
    folder = shutil.copytree(pipelines("sdxl"), tmp_path / "pipeline")
    before = painting_fingerprint(folder, strength=0.5)
    assert painting_fingerprint(shutil.copytree(folder, tmp_path / "moved"), strength=0.5) == before
    assert painting_fingerprint(folder, strength=0.6) != before
    changed = folder / "scheduler" / "scheduler_config.json"
    changed.write_text(changed.read_text() + " ")
    assert painting_fingerprint(folder, strength=0.5) != before


@pytest.mark.parametrize("place", [0, WHOLE // 2, 3 * WHOLE - 1])
def test_large_files_are_probed_from_end_to_end(tmp_path, place):
    (tmp_path / "model_index.json").write_text("{}")
    weights = bytearray(3 * WHOLE)
    (tmp_path / "weights.safetensors").write_bytes(weights)
    before = painting_fingerprint(tmp_path, strength=0.5)
    weights[place : place + WHOLE // 16] = b"\x01" * len(weights[place : place + WHOLE // 16])
    (tmp_path / "weights.safetensors").write_bytes(weights)
    assert painting_fingerprint(tmp_path, strength=0.5) != before


def test_a_pipeline_is_known_by_its_index(tmp_path):
    assert not is_saved(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"model_index.json is missing"):
        painting_fingerprint(tmp_path, strength=0.5)
