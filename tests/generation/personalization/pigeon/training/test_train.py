"""The command: what goes on from what, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file

from conf.errors import UsageError
from generation.alignment.tuner import Tuner, TuneSettings
from generation.personalization.icg.checkpoint import SHIPPED as ICG_SHIPPED
from generation.personalization.icg.checkpoint import icg_fingerprint, ship
from generation.personalization.pigeon.checkpoint import read_pigeon
from generation.personalization.pigeon.personal import fresh
from generation.personalization.pigeon.training.train import PigeonTraining, pigeon_of, ship_best
from generation.training_state import same_run


def test_the_first_part_begins_anew_and_the_others_go_on(painter, moved, tmp_path):
    anew, began = pigeon_of(painter, PigeonTraining(stage="taste", date="2026-11-29", mask_ratio=0.2))
    assert anew.config.painted_by == icg_fingerprint(ICG_SHIPPED, painter.fingerprint)
    assert anew.config.mask_ratio == 0.2
    assert began == {}
    with pytest.raises(UsageError, match=r"--stage align goes on .* --start"):
        pigeon_of(painter, PigeonTraining(stage="align", date="2026-11-29"))
    ship(moved, {}, tmp_path, painter.fingerprint, {"stage": "taste", "outcome": "done"})
    again, began = pigeon_of(painter, PigeonTraining(stage="align", date="2026-11-29", start=tmp_path, mask_ratio=0.4))
    assert again.config.mask_ratio == 0.4
    assert (began["stage"], began["outcome"], len(began["fingerprint"])) == ("taste", "done", 16)


def test_the_work_of_another_run_is_refused(tmp_path):
    same_run(tmp_path / "work", {"stage": "taste"})
    same_run(tmp_path / "work", {"stage": "taste"})
    with pytest.raises(UsageError, match="belongs to another run"):
        same_run(tmp_path / "work", {"stage": "align"})


def test_the_best_look_is_what_ships(painter, tmp_path):
    pigeon = fresh(painter.conditioning, seed=0)
    tuner = Tuner({"believed": pigeon.believed}, TuneSettings())
    tuner.average["believed"].fill_(0.5)
    tuner.save(tmp_path / "best.safetensors")
    ship_best(tuner, pigeon, tmp_path, tmp_path / "out", painter.fingerprint, {"stage": "taste"})
    assert float(read_pigeon(tmp_path / "out").believed) == 0.5
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["validation"] == []
    weights = load_file(tmp_path / "out" / "adapter" / "diffusion_pytorch_model.safetensors")
    assert {each.dtype for each in weights.values()} == {torch.float16}
