import numpy as np
import pytest

from jobs.simulator.parameters import DEFAULT_SHARES, LANGUAGE_SHARES, STYLE_GROUPS, ModelParameters, examination
from jobs.stickers.pack import FAMILIES


@pytest.mark.parametrize("shares", [LANGUAGE_SHARES, DEFAULT_SHARES])
def test_shares_are_of_a_whole(shares):
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) > 0


def test_every_family_has_a_share_and_a_look():
    assert set(DEFAULT_SHARES) == set(STYLE_GROUPS) == set(FAMILIES)


def test_examination_is_a_power_of_the_position():
    found = examination(np.array([1, 2, 10]), ModelParameters(examination_power=1.0))
    np.testing.assert_allclose(found, [1, 1 / 2, 1 / 10])


def test_groups_explain_no_more_than_all_of_an_item():
    parameters = ModelParameters()
    assert 0 < parameters.group_share + parameters.subgroup_share < 1
    assert parameters.adore_low < parameters.adore_high
