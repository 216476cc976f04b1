"""The statistics of the aesthetic proxy by hand."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from generation.rewards.looks.aesthetic import STATISTICS, AestheticProxy, statistics_of
from jobs.stickers.pack import PicturePack
from tests.support.models.reward_batches import batch


@pytest.fixture(scope="module")
def covers():
    pack = PicturePack.load()
    return np.stack([pack.pixels(code, family) for code in pack.codes()[:60] for family in ("noto", "twemoji")])


def test_statistics_of_a_half_black_half_white_square():
    picture = np.full((1, 64, 64, 3), 255, np.uint8)
    picture[0, 16:48, 16:48] = 0
    found = dict(zip(STATISTICS, statistics_of(picture)[0], strict=True))
    edges = 2 * 32 * 255 / (63 * 64)  # two edges of 32 pixels each way, over the steps of one direction
    assert found["sharpness"] == pytest.approx(np.log1p(edges), rel=1e-5)
    assert found["colourfulness"] == pytest.approx(0.0, abs=1e-5)
    assert found["coverage"] == 32 * 32 / (64 * 64)
    assert found["border"] == 0.0
    share = 0.25  # black share: deviation of a two-valued variable is 255 * sqrt(p * (1 - p))
    assert found["contrast"] == pytest.approx(255 * np.sqrt(share * (1 - share)) / 64, rel=1e-5)


def test_colourfulness_by_its_formula():
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    picture[..., 0] = 200  # red only: rg = 200, yb = 100, no spread
    colourfulness = statistics_of(picture)[0, STATISTICS.index("colourfulness")]
    assert colourfulness == pytest.approx(np.log1p(0.3 * np.hypot(200, 100)), rel=1e-5)


def test_real_covers_look_better_than_spoiled_ones(covers):
    proxy = AestheticProxy(covers[::2])
    real = proxy.score(replace(batch(60), pictures=covers[1::2]))
    noise = np.random.default_rng(0).normal(0, 40, covers[1::2].shape)
    noisy = proxy.score(replace(batch(60), pictures=(covers[1::2] + noise).clip(0, 255).astype(np.uint8)))
    blurred = np.stack([np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(4))) for each in covers[1::2]])
    assert real.min() > 0
    assert real.max() <= 1
    assert np.median(real) > 2 * np.median(noisy)
    assert np.median(real) > np.median(proxy.score(replace(batch(60), pictures=blurred)))
