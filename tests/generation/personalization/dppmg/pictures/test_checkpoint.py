import json
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file

from conf.errors import UsageError
from generation.diffusion.painter import Painter
from generation.personalization.dppmg.pictures.checkpoint import LORA, add_low_rank, merged, painted_by, read_tables
from generation.personalization.icg.checkpoint import SHIPPED as ICG_SHIPPED
from generation.personalization.icg.checkpoint import icg_fingerprint
from generation.personalization.low_rank import lora_weights
from generation.personalization.methods import weights_fingerprint


def test_what_is_shipped_is_read_again(folder, painter, tables):
    assert torch.allclose(read_tables(folder).vectors, tables.vectors, atol=1e-3)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert {"pictures/tables.safetensors", "pictures/lora.safetensors", "preferences/visual.safetensors"} <= set(files)
    assert len(weights_fingerprint("dppmg", folder, painter.fingerprint)) == 16
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) < 1_200_000


def test_tables_say_whose_weights_paint_them(folder, decoding, meanings, painter):
    assert painted_by(folder) == ""
    assert painted_by(decoding) == icg_fingerprint(ICG_SHIPPED, painter.fingerprint)
    read = read_tables(decoding)
    assert read.preferences
    assert not read_tables(folder).preferences
    assert torch.allclose(read.vectors, meanings.vectors, atol=1e-3)
    assert not (decoding / LORA).exists()


def test_low_rank_weights_change_keys_and_values_of_cross_attention_alone(folder, painter):
    network = merged(painter.unet, load_file(folder / LORA))
    own = dict(painter.unet.named_parameters())
    moved = set()
    for name, weight in network.named_parameters():
        if "lora_" in name:
            continue
        plain = name.replace(".base_layer", "")
        if not torch.equal(weight, own[plain]):
            moved.add(plain)
    assert moved
    assert all(".attn2.to_k." in name or ".attn2.to_v." in name for name in moved)


def test_weights_of_another_rank_are_refused(folder):
    unet = Painter.load().unet
    add_low_rank(unet, 2)
    mixed = load_file(folder / LORA) | dict(islice(lora_weights(unet).items(), 1))
    with pytest.raises(ValueError, match="do not fit"):
        merged(Painter.load().unet, mixed)


def test_a_changed_file_is_refused(folder, painter, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    file = tmp_path / "copy" / "preferences" / "visual.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match="SHA-256"):
        weights_fingerprint("dppmg", tmp_path / "copy", painter.fingerprint)
