"""What is told of a comparison whose pictures are all the originals: nothing gains and nothing is lost."""

import pytest

from recsys_eval.comparison.eyes import Eyes
from recsys_eval.comparison.figures.encoder_scores import Words
from recsys_eval.comparison.report.findings import Asked, findings
from recsys_eval.judge.model import Judge
from tests.support.worlds.comparison_lab import SIZES, source_of


@pytest.fixture(scope="module")
def found(lab, people_night):
    words = Words(titles=lab.gallery.encoded[:, 0, :128], clicked_covers={}, clicked_titles={})
    asked = Asked(
        eyes=Eyes(Judge.load()),
        words=words,
        scorer=None,
        source=source_of(people_night),
        adapter_of=lambda arm: None,
        steps=2,
    )
    return findings(lab, asked, ["segment", "user"], SIZES, noise=[0.0])


def test_originals_gain_nothing_at_either_level(found):
    figures, _ = found
    gains = [each for each in figures if each.figure in ("gap closed", "lift")]
    assert {each.level for each in gains} == {"segment", "user"}
    assert all(each.value == pytest.approx(0, abs=1e-9) for each in gains)


def test_differences_carry_p_after_holm_and_sections_are_those_of_the_tables(found):
    figures, permutations = found
    assert all(each.p_holm >= each.p for each in figures if each.section == "paired")
    assert {each.section for each in figures} == {"figures", "panel", "encoder", "paired", "clicks"}
    assert all(each.z == pytest.approx(0, abs=1e-6) or each.p > 0.01 for each in permutations)
