import pytest

from recsys_eval.statistics.multiple import holm


def test_holm_by_hand():
    """Holm (1979): .01 x 4, .02 x 3, .03 x 2, .04 x 1, each at least the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
