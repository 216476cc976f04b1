"""Weights that are written and read again."""

import json

import torch

from generation.personalization.icg.checkpoint import ship
from generation.personalization.pigeon.checkpoint import pigeon_fingerprint, read_pigeon


def test_saved_and_loaded_it_reads_the_same(moved, painter, histories, preference, tmp_path):
    ship(moved, {}, tmp_path, painter.fingerprint, {"date": "2026-11-29"})
    assert json.loads((tmp_path / "manifest.json").read_text())["date"] == "2026-11-29"
    again = read_pigeon(tmp_path).eval()
    first, second = (each.read(preference, histories).preference for each in (moved, again))
    torch.testing.assert_close(first, second, atol=2e-2, rtol=2e-2)
    assert len(pigeon_fingerprint(tmp_path, painter.fingerprint)) == 16
