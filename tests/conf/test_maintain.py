import pytest
from pydantic import ValidationError

from conf.maintain import MaintainSettings


@pytest.mark.parametrize("given", [{"version_days": 0.5}, {"orphan_days": 0}, {"log_days": 0}, {"notice_days": 0}])
def test_what_is_younger_than_a_day_never_goes(given):
    with pytest.raises(ValidationError, match=next(iter(given))):
        MaintainSettings(**given)


def test_by_default_no_day_of_any_table_goes():
    assert MaintainSettings().partition_days == {}
