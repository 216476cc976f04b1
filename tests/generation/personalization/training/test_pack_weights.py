import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from conf.errors import GateError, UsageError
from generation.diffusion.manifest import MANIFEST, write_manifest
from generation.diffusion.packing import WEIGHTS, read_tensors
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.methods import shipped_weights
from generation.personalization.training import pack_weights as module
from generation.personalization.training.pack_weights import (
    PackWeights,
    pack_adapter,
    pack_checkpoint,
    pack_weights,
    psnr,
)

ICG = shipped_weights("icg")


def unpacked_copy(source, out, network, generator=None):
    """The folder with its network in float16, a little beside where packing had put it, as a training leaves it."""
    shutil.copytree(source, out)
    noise = torch.Generator().manual_seed(5)
    tensors = {
        name: (each * (1 + 0.004 * torch.randn(each.shape, generator=noise))).half()
        for name, each in read_tensors(source / network / WEIGHTS).items()
    }
    save_file(tensors, out / network / WEIGHTS)
    told = json.loads((out / MANIFEST).read_text())
    facts = {name: fact for name, fact in told.items() if name not in ("files", "packing", "packed_from")}
    write_manifest(out, facts if generator is None else {**facts, "generator": generator})
    return out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A generator and an ICG adapter over it, not packed."""
    folder = tmp_path_factory.mktemp("trained")
    generator = unpacked_copy(SHIPPED, folder / "generator", "unet")
    return generator, unpacked_copy(ICG, folder / "icg", "adapter", checkpoint_fingerprint(generator))


def test_psnr_of_pictures_that_differ_by_a_known_value():
    """One in ten values off by 51: mean squared error 260.1, 10 log10(65025 / 260.1) = 23.98 dB."""
    before = np.zeros((2, 10, 1, 3), np.uint8)
    after = before.copy()
    after[0, 0], after[1, 0] = 51, 51
    assert psnr(before, after) == pytest.approx((23.979, 23.979), abs=1e-3)
    after[1] = 0
    assert psnr(before, after) == pytest.approx((26.990, 23.979), abs=1e-3)


def test_packed_weights_paint_what_they_painted_before(trained, tmp_path, capsys):
    generator, icg = trained
    pack_weights(PackWeights(out=tmp_path, checkpoint=generator, method="icg", adapter=icg, rows=16))
    said = capsys.readouterr().out
    before, after = (checkpoint_fingerprint(folder) for folder in (generator, tmp_path / "generator"))
    assert before != after
    assert f"generator {before} -> {after}, 10." in said
    found = re.findall(r"^(profile|icg): PSNR (\d+\.\d) dB over 16 pictures", said, re.MULTILINE)
    assert [method for method, _ in found] == ["profile", "icg"]
    assert all(40 < float(value) < 80 for _, value in found)


def test_what_ships_is_packed_and_packing_it_again_changes_no_byte(tmp_path):
    assert pack_checkpoint(SHIPPED, tmp_path / "generator") == checkpoint_fingerprint(SHIPPED)
    assert json.loads((SHIPPED / MANIFEST).read_text())["packing"] == "int8-row-1"


def test_manifests_tell_what_was_packed_and_low_rank_weights_stay(trained, tmp_path):
    generator, icg = trained
    packed = pack_checkpoint(generator, tmp_path / "generator")
    told = json.loads((tmp_path / "generator" / MANIFEST).read_text())
    assert told["packing"] == "int8-row-1"
    assert told["packed_from"] == checkpoint_fingerprint(generator)
    assert told["command"] == json.loads((SHIPPED / MANIFEST).read_text())["command"]
    pack_adapter("icg", icg, tmp_path / "icg", generator, tmp_path / "generator")
    adapter = json.loads((tmp_path / "icg" / MANIFEST).read_text())
    assert adapter["generator"] == packed
    assert adapter["packed_from"]["generator"] == checkpoint_fingerprint(generator)
    before, after = (load_file(folder / "lora" / "lora.safetensors") for folder in (icg, tmp_path / "icg"))
    assert all((after[name] == each).all() for name, each in before.items())


def test_an_adapter_of_another_generator_is_refused(trained, tmp_path):
    generator, _ = trained
    pack_checkpoint(generator, tmp_path / "generator")
    with pytest.raises(UsageError, match="was trained on generator"):
        pack_adapter("icg", ICG, tmp_path / "icg", generator, tmp_path / "generator")


def test_pictures_that_move_too_far_are_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_PSNR", 1000.0)
    with pytest.raises(GateError, match="under 1000 dB"):
        pack_weights(PackWeights(out=tmp_path, checkpoint=trained[0], rows=4))
