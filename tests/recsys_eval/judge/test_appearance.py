"""How the judge's view becomes the world's."""

import numpy as np
import pytest

from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.judge.appearance import appearance, appearance_among, appearance_of_drawings, judge_drawings
from recsys_eval.judge.model import Judge


def figure(findings, name):
    return next(f for f in findings.figures if f.name == name)


def test_looks_as_shares_of_real_drawings(simulated):
    style = figure(simulated, "looks.published.style")
    assert style.value > 0.6
    assert (style.n, style.of) == (30, "subjects")
    share = figure(simulated, "looks.published.style_of_real")
    assert share.value == pytest.approx(style.value)  # this judge is always right about real drawings
    assert figure(simulated, "looks.unpersonalised.style").value < 0.5
    assert figure(simulated, "looks.published.recall").value > 0.8


def test_appearance_of_real_drawings_is_certain(judge):
    pack = PicturePack.load()
    codes = pack.codes("held_out")[:20]
    pixels = np.stack([pack.pixels(code, "twemoji") for code in codes])
    seen = appearance(judge, pack, codes, pixels)
    assert seen.similarity.tolist() == [1.0] * 20
    assert (seen.style_probs.argmax(axis=1) == FAMILIES.index("twemoji")).mean() > 0.9
    assert seen.style_probs.sum(axis=1) == pytest.approx(np.ones(20))
    swapped = appearance(judge, pack, codes[::-1], pixels)
    assert swapped.similarity.max() < 1.0
    with pytest.raises(ValueError, match="no real drawing of"):
        appearance_among(judge, judge_drawings(judge, pack, codes[:1]), codes[1:2], pixels[1:2])
    with pytest.raises(ValueError, match="name one subject per picture"):
        appearance(judge, pack, codes[:3], pixels)


def test_the_real_judge_knows_real_drawings():
    judge = Judge.load()
    pack = PicturePack.load()
    codes = pack.codes("held_out")[:4]
    seen = appearance(judge, pack, codes, np.stack([pack.pixels(code, "noto") for code in codes]))
    assert seen.similarity.min() > 0.98
    assert (seen.style_probs[:, FAMILIES.index("noto")] > 0.5).sum() >= 3


def test_a_real_drawing_whose_copy_is_put_aside_resembles_the_other_families():
    judge, pack = Judge.load(), PicturePack.load()
    codes = pack.codes("held_out")[:12]
    drawings = judge_drawings(judge, pack, codes)
    families = np.full(len(codes), FAMILIES.index("noto"))
    known, unseen = (appearance_of_drawings(judge, drawings, codes, families, unseen=flag) for flag in (False, True))
    assert known.similarity == pytest.approx(np.ones(12), abs=0.02)  # bfloat16
    assert (known.style_probs == unseen.style_probs).all()
    for number, code in enumerate(codes):
        others = drawings.embedding[(drawings.codes == code) & (drawings.families != families[number])]
        assert unseen.similarity[number] == pytest.approx(float((others @ known.embedding[number]).max()))
    assert unseen.similarity.mean() < 0.95
