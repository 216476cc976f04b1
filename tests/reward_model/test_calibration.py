import numpy as np
import pytest

from reward_model.calibration import Calibration, fit_platt
from reward_model.metrics import ece_statistic


@pytest.fixture
def overconfident():
    """Logits three times too large and shifted: the truth is sigmoid((z - 1) / 3)."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 4, 20_000)
    clicked = rng.random(20_000) < 1 / (1 + np.exp(-(logit - 1) / 3))
    return logit, clicked


def test_fit_finds_the_slope_and_the_shift(overconfident):
    fitted = fit_platt(*overconfident)
    assert fitted.slope == pytest.approx(1 / 3, abs=0.02)
    assert fitted.intercept == pytest.approx(-1 / 3, abs=0.05)


def test_calibration_improves_ece_on_other_rows(overconfident):
    logit, clicked = overconfident
    fitted = fit_platt(logit[:10_000], clicked[:10_000])
    user = np.zeros(10_000, int)

    def ece(calibration):
        return ece_statistic(user, clicked[10_000:], calibration.apply(logit[10_000:]), 1)(np.ones((1, 1)))[0]

    assert ece(Calibration()) > 0.1
    assert ece(fitted) < 0.03


def test_calibration_keeps_the_order(overconfident):
    logit, clicked = overconfident
    assert (np.diff(fit_platt(logit, clicked).apply(np.sort(logit))) >= 0).all()


def test_a_backwards_model_is_refused(overconfident):
    logit, clicked = overconfident
    with pytest.raises(ValueError, match="backwards"):
        fit_platt(-logit, clicked)


def test_rows_without_clicks_are_refused():
    with pytest.raises(ValueError, match="0 clicks in 3 rows"):
        fit_platt(np.zeros(3), np.zeros(3, bool))
