import math

import pytest

from recsys_eval.report.wording import interval, p_value, percent, quantity, seconds, significant


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (math.nan, "unknown"), (0.000123456, "0.000123"), (99.96, "100"), (-12.34, "-12.3")]
)
def test_significant_digits(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [(0.5, False, "50.0 %"), (0.0, True, "+0.00 %"), (-0.25, True, "−25.0 %"), (math.inf, False, "unknown")],
)
def test_shares_and_lifts(value, sign, text):
    assert percent(value, sign=sign) == text


def test_an_interval_has_the_form_of_its_unit_or_is_empty():
    assert interval(-0.01, 0.02, "relative lift") == "−1.0 % to +2.0 %"
    assert interval(None, 0.02, "share") == ""
    assert quantity(-2.5, "logits") == "−2.50"


def test_p_is_never_more_exact_than_the_bootstrap():
    assert [p_value(p) for p in (0.0, 0.005, 0.5)] == ["p < 0.005", "p = 0.005", "p = 0.5"]


def test_durations_change_their_unit():
    assert [seconds(s) for s in (59.9, 60, 3599, 3600)] == ["59.9 s", "1 min 0 s", "59 min 59 s", "1 h 0 min"]
