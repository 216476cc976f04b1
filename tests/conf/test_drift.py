import pytest
from pydantic import ValidationError

from conf.drift import DriftLimits, DriftSettings
from conf.load import load_settings


@pytest.mark.parametrize("given", [{"nights": 2}, {"least_rows_share": 1.0}, {"robust_z": {"warn": 0}}])
def test_values_out_of_range_are_refused(given):
    with pytest.raises(ValidationError, match=next(iter(given))):
        DriftSettings(**given)


def test_by_default_limits_only_warn_and_a_figure_may_have_its_own():
    chosen = DriftSettings()
    assert {each.stop for each in (chosen.robust_z, chosen.population_stability, chosen.kolmogorov_smirnov)} == {None}
    found = load_settings(overrides=["drift.figures.hours={warn: 0.5, stop: 1.0}"]).drift.figures
    assert found == {"hours": DriftLimits(warn=0.5, stop=1.0)}
