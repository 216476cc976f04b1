import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.stickers.pack import PicturePack
from recsys_eval.panel.plain_cnn import WEIGHTS_DIR, PlainNetwork, load_seeds, packed, unpacked
from recsys_eval.panel.plain_cnn_train import augmented, drawings_of


def test_packed_weights_come_back_within_half_a_step() -> None:
    state = PlainNetwork().state_dict()
    back = unpacked(packed(state))
    assert back.keys() == state.keys()
    for name, tensor in state.items():
        step = tensor.abs().max() / 127 if tensor.ndim > 1 else torch.tensor(0.0)
        assert (back[name] - tensor).abs().max() <= 0.5 * step + 1e-6


def test_the_shipped_networks_know_styles_of_subjects_they_never_saw() -> None:
    pack = PicturePack.load().sample(160)
    pixels, _, family = drawings_of(pack, pack.codes("validation"))
    for network in load_seeds().values():
        style, subject = network(pixels)
        assert (style.argmax(1) == family).mean() > 0.6  # of six
        assert np.allclose(np.linalg.norm(subject, axis=1), 1, atol=1e-5)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(WEIGHTS_DIR, tmp_path / "weights")
    with (folder / "plain_cnn_0.safetensors").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(ValueError, match="restore it from git"):
        load_seeds(folder)


def test_white_stays_white_when_pictures_are_moved() -> None:
    rng = torch.Generator().manual_seed(0)
    moved = augmented(torch.ones(8, 3, 64, 64), rng)
    assert moved.mean() > 0.97  # noise of at most 0.04, clipped at white
