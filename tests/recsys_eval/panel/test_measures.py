import pytest

from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.panel.measures import AUC, RATIO, SHARE, PanelFigure, classified, shaped, worst_first
from recsys_eval.panel.pairs import Pairs, gallery_of
from recsys_eval.panel.plain_cnn import load_seeds
from recsys_eval.statistics.bootstrap import Interval


def test_copies_of_drawings_are_without_fault(pack: PicturePack, copies: Pairs) -> None:
    networks = list(load_seeds().values())
    figures = shaped(copies) + classified("plain CNN", networks[:1], copies, gallery_of(pack, pack.codes("validation")))
    assert len(figures) == 5 * (1 + len(FAMILIES))
    assert {each.found.value for each in figures} == {1.0}


def test_the_worst_is_told_by_the_kind_of_figure() -> None:
    def found(kind: str, value: float) -> PanelFigure:
        return PanelFigure(measure="m", family="noto", kind=kind, found=Interval(value, value, value, 9))

    faults = [found(AUC, 0.75).fault, found(SHARE, 1.2).fault, found(SHARE, 0.9).fault, found(RATIO, 4.0).fault]
    assert faults == pytest.approx([0.5, 0.0, 0.1, 0.75])
    assert found(RATIO, 0.25).fault == found(RATIO, 4.0).fault
    figures = [found(SHARE, 0.9), found(RATIO, 4.0), found(AUC, 0.75)]
    assert [each.kind for each in worst_first(figures)] == [RATIO, AUC, SHARE]
