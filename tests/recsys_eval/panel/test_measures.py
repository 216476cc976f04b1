import numpy as np
import pytest

from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.panel.measures import AUC, RATIO, SHARE, PanelFigure, classified, shaped, worst_first
from recsys_eval.panel.pairs import Pairs, gallery_of, pairs_of
from recsys_eval.panel.plain_cnn import load_seeds
from recsys_eval.panel.real_or_painted import auc, two_sample_test
from recsys_eval.statistics.bootstrap import Interval


@pytest.fixture(scope="module")
def pack() -> PicturePack:
    return PicturePack.load().sample(200)


@pytest.fixture(scope="module")
def copies(pack: PicturePack) -> Pairs:
    """Painted covers that are the true drawings."""
    keys = [(code, family) for code in pack.codes("validation") for family in pack.families_of(code)]
    pixels = np.stack([pack.pixels(*key) for key in keys])
    families = np.array([FAMILIES.index(family) for _, family in keys])
    return pairs_of(pack, pixels, [code for code, _ in keys], families)


def test_copies_of_drawings_are_without_fault(pack: PicturePack, copies: Pairs) -> None:
    networks = list(load_seeds().values())
    figures = shaped(copies) + classified("plain CNN", networks[:1], copies, gallery_of(pack, pack.codes("validation")))
    assert len(figures) == 5 * (1 + len(FAMILIES))
    assert {each.found.value for each in figures} == {1.0}


def test_blurred_covers_have_halos_and_soft_edges(copies: Pairs) -> None:
    painted = copies.painted.pixels.astype(float)
    blurred = sum(np.roll(painted, (y, x), (1, 2)) for y in range(-2, 3) for x in range(-2, 3)) / 25
    pixels = blurred.round().astype(np.uint8)
    pairs = Pairs(painted=type(copies.painted)(
        pixels=pixels, codes=copies.painted.codes, families=copies.painted.families
    ), real=copies.real)  # fmt: skip
    found = {each.measure: each.found.value for each in shaped(pairs) if each.family == "all"}
    assert found["edge halo"] > 1.5
    assert found["gradient energy"] < 0.5


def test_a_fresh_classifier_tells_noise_but_not_copies(copies: Pairs) -> None:
    some = copies.sample(12)
    found = two_sample_test(some, steps=6)
    assert auc(found.painted, found.real, some.painted.codes, n=50).value == 0.5  # equal pictures, equal logits
    noise = np.random.default_rng(0).integers(0, 120, some.real.shape, dtype=np.uint8)
    noisy = Pairs(painted=type(some.painted)(
        pixels=some.painted.pixels - np.minimum(noise, some.painted.pixels),
        codes=some.painted.codes,
        families=some.painted.families,
    ), real=some.real)  # fmt: skip
    found = two_sample_test(noisy, steps=30)
    assert auc(found.painted, found.real, noisy.painted.codes, n=50).value > 0.9


def test_the_worst_is_told_by_the_kind_of_figure() -> None:
    def found(kind: str, value: float) -> PanelFigure:
        return PanelFigure(measure="m", family="noto", kind=kind, found=Interval(value, value, value, 9))

    faults = [found(AUC, 0.75).fault, found(SHARE, 1.2).fault, found(SHARE, 0.9).fault, found(RATIO, 4.0).fault]
    assert faults == pytest.approx([0.5, 0.0, 0.1, 0.75])
    assert found(RATIO, 0.25).fault == found(RATIO, 4.0).fault
    figures = [found(SHARE, 0.9), found(RATIO, 4.0), found(AUC, 0.75)]
    assert [each.kind for each in worst_first(figures)] == [RATIO, AUC, SHARE]


def test_covers_without_a_drawing_to_stand_beside_are_refused(pack: PicturePack) -> None:
    with pytest.raises(ValueError, match="none of 0 covers"):
        pairs_of(pack, np.zeros((0, 64, 64, 3), np.uint8), [], np.zeros(0, np.int64))
