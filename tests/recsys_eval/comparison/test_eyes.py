import numpy as np
import pytest

from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.comparison.eyes import (
    ENCODED,
    PERCEPTUAL,
    PLAIN_STYLE,
    PLAIN_SUBJECT,
    POOLED,
    SHAPE,
    SIMILAR,
    STYLE,
    SUBJECT,
    Beside,
    Eyes,
)
from recsys_eval.judge.image_metrics import perceptual_distance
from recsys_eval.judge.model import Judge
from recsys_eval.panel.pairs import seven_bits
from recsys_eval.panel.shape import halo
from reward_model.encoders.model import encode_pictures


@pytest.fixture(scope="module")
def eyes():
    return Eyes(Judge.load())


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def test_one_look_is_what_everybody_says_apart(eyes, pixels):
    seen = eyes(pixels)
    np.testing.assert_allclose(seen[STYLE], eyes.judge.style_probabilities(pixels), atol=1e-5)
    np.testing.assert_allclose(seen[SUBJECT], eyes.judge.subject_embedding(pixels), atol=1e-5)
    np.testing.assert_allclose(seen[ENCODED], np.concatenate(encode_pictures(eyes.encoder, pixels), axis=1), atol=1e-5)
    style, subject = eyes.plain[0](seven_bits(pixels))
    assert seen[PLAIN_STYLE][:, 0].tolist() == style.argmax(axis=1).tolist()
    np.testing.assert_allclose(seen[PLAIN_SUBJECT][:, 0], subject, atol=1e-3)
    np.testing.assert_allclose(seen[SHAPE][:, 0], halo(seven_bits(pixels)), rtol=1e-5)
    (maps,) = [each.maps for each in eyes.judge.outputs(pixels)]
    np.testing.assert_allclose(seen[POOLED][:, :64], maps[0].float().mean((2, 3)), rtol=2e-3)


def test_beside_the_drawings_of_its_item_a_picture_has_a_distance_to_each(eyes, pixels):
    pack = PicturePack.load()
    codes = pack.codes("validation")[:2]
    originals = np.stack([pack.pixels(code, "noto") for code in codes])
    beside = Beside(eyes=eyes, pack=pack, items=codes, originals=originals)
    painted = np.stack([originals[1], pixels[0]])
    seen = beside(painted, np.array([1, 0]), brief=False)
    assert seen[PERCEPTUAL][0, FAMILIES.index("noto")] == pytest.approx(0, abs=1e-4)
    assert seen[SIMILAR][0] == pytest.approx(1)
    for name in pack.families_of(codes[0]):
        apart = perceptual_distance(eyes.judge, pixels[:1], pack.pixels(codes[0], name)[None])
        assert seen[PERCEPTUAL][1, FAMILIES.index(name)] == pytest.approx(float(apart[0]), rel=1e-2)
    without = set(FAMILIES) - set(pack.families_of(codes[0]))
    assert all(np.isnan(seen[PERCEPTUAL][1, FAMILIES.index(name)]) for name in without)
    assert set(beside(painted, np.array([1, 0]), brief=True)) == {STYLE, SUBJECT, ENCODED}
