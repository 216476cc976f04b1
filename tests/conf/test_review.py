import pytest
from pydantic import ValidationError

from conf.review import ReviewSettings


def test_every_reason_has_a_digit_key():
    assert len(ReviewSettings().reasons) <= 9


@pytest.mark.parametrize(
    "given", [{"sample_share": 1.1}, {"double_share": -0.1}, {"lease_minutes": 0}, {"bulk_limit": 0}]
)
def test_values_out_of_range_are_refused(given):
    with pytest.raises(ValidationError, match=next(iter(given))):
        ReviewSettings(**given)
