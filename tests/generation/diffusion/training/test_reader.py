"""The reader of family and subject."""

import pytest
import torch

from generation.diffusion.training.data import load_drawings, planes_of
from generation.diffusion.training.reader import Reader, augmented
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders


@pytest.fixture(scope="module")
def drawings():
    return load_drawings(PicturePack.load().sample(60), load_encoders(), "train")


def test_augmentation_changes_pictures_a_little(drawings):
    pictures = planes_of(drawings.pixels[:16])
    changed = augmented(pictures, torch.Generator().manual_seed(0))
    assert changed.shape == pictures.shape
    assert 0.01 < (changed - pictures).abs().mean() < 0.6
    with pytest.raises(RuntimeError):
        augmented(pictures[0], torch.Generator().manual_seed(0))


def test_a_missing_reader_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="coverlift train reader"):
        Reader.load(tmp_path / "none.safetensors")
