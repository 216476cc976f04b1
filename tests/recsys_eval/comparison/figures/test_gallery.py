import numpy as np
import pytest

from recsys_eval.comparison.eyes import Eyes
from recsys_eval.comparison.figures.gallery import Among, Gallery
from recsys_eval.judge.image_metrics import perceptual_distance
from recsys_eval.judge.model import Judge
from recsys_eval.panel.structure import ssim


def test_ranks_leave_out_the_family_that_is_asked_about():
    """Subject a by families 0 and 1, b by 0: nearest to a's by family 1 is b, once that drawing is left out."""
    among = Among(
        codes=np.array(["a", "a", "b"]), families=np.array([0, 1, 0]),
        subject=np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], np.float32), plain=np.zeros((3, 1, 2), np.float32),
    )  # fmt: skip
    ranks = among.ranks(np.array([[0.0, 1.0]], np.float32), np.array(["a"]), among.subject)
    assert ranks[0, :3].tolist() == [1, 2, 2]  # without 0: a alone; without 1: a at 0, b at 0.8; all: a at 0.71


def test_ranks_of_a_subject_that_one_family_draws_alone_are_none():
    among = Among(
        codes=np.array(["a", "b", "b"]), families=np.array([0, 0, 1]), subject=np.eye(3, dtype=np.float32),
        plain=np.zeros((3, 1, 2), np.float32),
    )  # fmt: skip
    ranks = among.ranks(np.eye(3, dtype=np.float32)[:1], np.array(["a"]), among.subject)
    assert ranks[0, 0] == 0
    assert ranks[0, 1] == 1


@pytest.fixture(scope="module")
def found(lab):
    eyes = Eyes(Judge.load())
    with pytest.MonkeyPatch.context() as patch:
        pack = lab.world.items.pack
        patch.setattr(type(pack), "codes", lambda self, split=None: lab.cast.item_ids)
        return eyes, Gallery.of(lab.world, lab.cast, eyes)


def test_drawings_are_seen_where_there_are_any(lab, found):
    eyes, gallery = found
    np.testing.assert_array_equal(gallery.drawn, lab.world.items.drawn[lab.items])
    assert np.isfinite(gallery.style[gallery.drawn]).all()
    assert np.isnan(gallery.style[~gallery.drawn]).all()
    item, family = map(int, np.argwhere(gallery.drawn)[0])
    pack, code = lab.world.items.pack, lab.cast.item_ids[item]
    drawing = pack.pixels(code, lab.world.items.pack.families_of(code)[0])[None]
    apart = perceptual_distance(eyes.judge, drawing, lab.cast.pixels[item : item + 1])
    assert gallery.perceptual[item, family] == pytest.approx(float(apart[0]), rel=1e-3, abs=1e-4)
    assert gallery.similar[item, family] == pytest.approx(float(ssim(drawing, lab.cast.pixels[item : item + 1])[0]))
    assert len(gallery.among.codes) == gallery.drawn.sum()
