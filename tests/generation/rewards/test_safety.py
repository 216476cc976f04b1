"""Preparation as the network's authors made it, and the network itself."""

import io

import numpy as np
import pytest
from PIL import Image

from generation.rewards.safety import MEAN_BGR, Safety, prepared
from jobs.stickers.pack import PicturePack


@pytest.fixture(scope="module")
def covers():
    pack = PicturePack.load()
    return np.stack([pack.pixels(code, family) for code in pack.codes()[:60] for family in ("noto", "twemoji")])


def test_preparation_of_a_plain_picture_by_hand():
    # One colour survives resizing and cropping exactly; JPEG keeps it to about 1.
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:] = (200, 120, 40)  # red, green, blue
    found = prepared(picture)
    assert found.shape == (224, 224, 3)
    assert found.dtype == np.float32
    expected = np.array([40, 120, 200]) - np.array([104, 117, 123])  # blue, green, red
    assert np.abs(found - expected).max() <= 2
    assert MEAN_BGR.tolist() == [104, 117, 123]


def test_preparation_crops_16_pixels_of_the_jpeg_on_each_side():
    picture = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with io.BytesIO() as buffer:
        Image.fromarray(picture).resize((256, 256), Image.BILINEAR).save(buffer, "JPEG")
        decoded = np.asarray(Image.open(buffer)).astype(np.float32)
    row, column = 5, 100
    red, green, blue = decoded[16 + row, 16 + column]
    assert prepared(picture)[row, column].tolist() == [blue - 104, green - 117, red - 123]


def test_stickers_are_safe(covers):
    from reward_model.encoders.assets import OPEN_NSFW, verified_asset

    safety = Safety(verified_asset(OPEN_NSFW))
    scores = safety.probabilities(covers[:10])
    assert scores.shape == (10,)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert scores.max() < 0.4
    # the same alone and in a batch
    assert safety.probabilities(covers[3:4])[0] == pytest.approx(scores[3], abs=1e-4)
    assert safety.probabilities(covers[:0]).shape == (0,)
