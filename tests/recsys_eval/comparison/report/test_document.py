import math
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from recsys_eval.comparison.report.document import Figure
from recsys_eval.statistics.lift import Estimate

NAMES = {"section": "figures", "level": "user", "method": "m", "figure": "lift"}


def test_a_figure_takes_over_an_estimate_and_what_it_rests_on():
    found = Figure.of(Estimate(value=0.2, low=0.1, high=0.3, p=0.04), SimpleNamespace(users=7, items=3), **NAMES)
    assert (found.value, found.low, found.high, found.p, found.users, found.items) == (0.2, 0.1, 0.3, 0.04, 7, 3)


def test_bounds_that_resampling_left_undefined_are_null_in_json():
    nowhere = Estimate(value=0.2, low=math.nan, high=math.nan)
    found = Figure.of(nowhere, SimpleNamespace(users=1, items=1), **NAMES)
    assert '"low":null' in found.model_dump_json()


def test_an_unknown_section_is_refused():
    with pytest.raises(ValidationError):
        Figure.of(
            Estimate(value=0, low=0, high=0), SimpleNamespace(users=1, items=1), **{**NAMES, "section": "guesses"}
        )
