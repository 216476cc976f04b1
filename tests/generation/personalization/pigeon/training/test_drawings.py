"""Drawings with the vectors of a night."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from conf.errors import UsageError
from generation.catalogue import CoverVectors
from generation.personalization.pigeon.training import drawings as module
from generation.personalization.pigeon.training.drawings import drawings_of_night, family_styles


def test_every_drawing_has_the_vector_of_its_bytes(pack, monkeypatch):
    ids = [
        hashlib.sha256(pack.bytes(code, f)).hexdigest() for code in pack.codes("train") for f in pack.families_of(code)
    ]
    styles = np.random.default_rng(0).normal(size=(len(ids), 32)).astype(np.float32)
    vectors = CoverVectors(
        rows={each: row for row, each in enumerate(ids)},
        embeddings=np.zeros((len(ids), 128), np.float32),
        styles=styles,
    )
    monkeypatch.setattr(module.CoverVectors, "read", lambda *told: vectors)
    ctx = SimpleNamespace(lake=None, ds="2026-03-29")
    found = drawings_of_night(ctx, pack, "train")
    np.testing.assert_array_equal(found.look[:, 128:], styles)
    assert found.pixels.shape == (len(ids), 64, 64, 3)
    vectors.rows.pop(ids[0])
    with pytest.raises(UsageError, match=r"1 of .* have no vector .* --simulated 0"):
        drawings_of_night(ctx, pack, "train")


def test_mean_styles_of_families_are_centred(drawings):
    found = family_styles(drawings)
    assert found.shape == (6, 32)
    np.testing.assert_allclose(found.sum(0), 0, atol=1e-5)
    assert (found[:, :6].argmax(1) == np.arange(6)).all()
