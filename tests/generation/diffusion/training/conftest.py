"""Encoders and a few real drawings to train on."""

import pytest

from generation.diffusion.training.data import load_drawings
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders


@pytest.fixture(scope="module")
def encoders():
    return load_encoders()


@pytest.fixture(scope="module")
def drawings(encoders):
    return load_drawings(PicturePack.load().sample(16), encoders, "train")
