"""Relevance, the aesthetic proxy, the personal reward and safety on their own."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from generation.rewards.aesthetic import STATISTICS, AestheticProxy, statistics_of
from generation.rewards.personal import Personal
from generation.rewards.relevance import Relevance
from generation.rewards.safety import MEAN_BGR, Safety, prepared
from jobs.stickers.pack import PicturePack
from tests.generation.rewards.test_base import batch


@pytest.fixture(scope="module")
def covers():
    pack = PicturePack.load()
    return np.stack([pack.pixels(code, family) for code in pack.codes()[:60] for family in ("noto", "twemoji")])


def unit(*values):
    vector = np.zeros(128, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def test_relevance_is_three_quarters_reference_and_one_quarter_title():
    pictures = replace(
        batch(2),
        embeddings=np.stack([unit(1, 0), unit(0, 1)]),
        reference_embeddings=np.stack([unit(3, 4), unit(3, 4)]),
        text_embeddings=np.stack([unit(0, 1), unit(0, 1)]),
    )
    np.testing.assert_allclose(Relevance().score(pictures), [0.75 * 0.6, 0.75 * 0.8 + 0.25], rtol=1e-6)


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


def test_personal_asks_the_reward_model_for_each_picture_s_segment():
    class Scorer:
        def segment_click_probability(self, segment_ids, item_ids, embeddings, styles):
            assert (len(embeddings), len(styles)) == (2, 2)
            return np.asarray([{"s1": 0.1, "all": 0.3}[segment] for segment in segment_ids])

    pictures = replace(batch(2), segment_ids=["all", "s1"])
    assert Personal(Scorer()).score(pictures).tolist() == [0.3, 0.1]


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
