"""Pictures that are drawings look like them; expected values follow from the families that drew them."""

import numpy as np
import pytest

from recsys_eval.comparison.figures.appearance import MEASURES, REAL, Cells, appearances, means_of
from recsys_eval.comparison.figures.audience import user_audience
from tests.support.worlds.comparison_lab import favourites, showing


def test_a_real_drawing_in_the_favourite_family_is_all_that_a_cover_can_be(lab):
    audience = user_audience(lab)
    drawings, best = showing(lab, audience, favourites(lab, audience))
    found = dict(appearances(drawings, best))
    assert set(found) == set(MEASURES)
    for name in ("style", "subject", "subject R@10", "plain CNN style", "plain CNN subject", "edge halo"):
        assert found[name].share("profile", REAL).value == pytest.approx(1), name
    for name in ("distance", "perceptual distance"):
        assert found[name].mean("profile").value == pytest.approx(0), name
        assert found[name].mean("original").value > 0, name
    assert found["SSIM"].mean("profile").value == pytest.approx(found["SSIM"].mean(REAL).value)


def test_originals_have_their_own_style_and_are_like_themselves(lab):
    audience = user_audience(lab)
    cells = Cells.of(lab, audience)
    found = dict(appearances(lab, audience))
    weight = (audience.weight[:, None] * cells.drawn)[cells.drawn]
    own = np.average(~cells.new[cells.drawn], weights=weight)
    assert found["style"].mean("profile").value == pytest.approx(own)
    assert found["SSIM"].mean("profile").value == 1
    assert found["perceptual distance"].difference("profile", "original").value == pytest.approx(0)


def test_the_panel_looks_where_the_original_is_another_familys(lab):
    audience = user_audience(lab)
    found = means_of(lab, audience, "plain CNN style", np.ones(len(audience.users), bool))
    assert found.mean("profile").value == 0
    assert found.mean(REAL).value == 1
    halo = means_of(lab, audience, "edge halo", np.ones(len(audience.users), bool))
    cells = Cells.of(lab, audience)
    at = cells.drawn & cells.new
    weight = (audience.weight[:, None] * at)[at]
    real = np.average(1.0 + cells.family[at], weights=weight)
    painted = np.average(1.0 + lab.default[cells.item[at]], weights=weight)
    assert halo.share("profile", REAL).value == pytest.approx(painted / real)
