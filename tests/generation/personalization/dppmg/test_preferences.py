import numpy as np
import pytest
import torch

from conf.errors import UsageError
from generation.personalization.dppmg.preferences import read_preferences, texts_by_hash, write_preferences
from tests.generation.personalization.dppmg.conftest import small_preferences
from tests.generation.personalization.dppmg.test_propagate import graph_of


def test_what_is_written_tells_the_same_codes(tmp_path):
    propagation, quantiser = small_preferences(features=3)
    write_preferences(tmp_path, "visual", propagation, quantiser, {"date": "2026-01-01"})
    read = read_preferences(tmp_path, "visual")
    features = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    looks = read.of(graph_of(), features)
    with torch.no_grad():
        own = propagation(graph_of(), torch.from_numpy(features))
    assert torch.allclose(looks, own, atol=0.02)
    assert read.quantiser.codes(looks).shape == (5, 3)
    assert len(read.fingerprint) == 16


def test_a_modality_is_trained_beside_the_other(tmp_path):
    write_preferences(tmp_path, "visual", *small_preferences(), {"date": "2026-01-01"})
    before = read_preferences(tmp_path, "visual").fingerprint
    with pytest.raises(UsageError, match="coverlift train dppmg-preferences"):
        read_preferences(tmp_path, "words")
    write_preferences(tmp_path, "words", *small_preferences(5), {"date": "2026-01-02"})
    assert read_preferences(tmp_path, "visual").fingerprint == before
    assert read_preferences(tmp_path, "words").propagation.weight.shape == (8, 5)


def test_a_changed_file_is_refused(tmp_path):
    write_preferences(tmp_path, "visual", *small_preferences(), {})
    file = tmp_path / "preferences" / "visual.safetensors"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(UsageError, match="SHA-256"):
        read_preferences(tmp_path, "visual")


def test_texts_have_the_hash_that_nodes_are_named_by():
    """As ``printf pizza | sha256sum`` says."""
    assert texts_by_hash(["pizza"]) == {"9ed1515819dec61fd361d5fdabb57f41ecce1a5fe1fe263b98c0d6943b9b232e": "pizza"}
