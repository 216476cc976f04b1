import numpy as np
import pytest

from jobs.features.estimators.beta import BetaPrior
from jobs.features.estimators.position import PositionBias, from_randomised
from jobs.features.items import ItemCounts, ItemPriors, rows_of_item
from jobs.features.windows import DAY_US
from jobs.lake.schema.columns import WINDOWS

BIAS = PositionBias(examination=np.array([1.0, 0.5]), impressions=np.array([1, 1]))
PRIOR = BetaPrior(a=1.0, b=3.0)


def counts(day, position, impressions, clicks, created_us=0):
    return ItemCounts(
        *(np.array(values, dtype=np.int64) for values in (day, position, impressions, clicks)), created_us
    )


def rows(item, *days):
    everyday = [PRIOR] * len(days)
    priors = ItemPriors(dict.fromkeys(WINDOWS, everyday), everyday, [BIAS] * len(days))
    return rows_of_item(item, np.array(days), priors)


def test_windows_and_debiasing_by_hand():
    item = counts([10, 10, 37, 38], [1, 2, 1, 2], [4, 6, 2, 8], [2, 1, 1, 1])
    found = rows(item, 37, 38)
    assert found["impressions_1d"] == [2, 8]
    assert found["impressions_7d"] == [2, 10]
    assert found["impressions_28d"] == [12, 10]
    assert found["clicks_28d"] == [4, 2]
    assert found["ctr_28d"] == pytest.approx([5 / 16, 3 / 14])
    # Examinations: 4 + 6/2 + 2 = 9, then 2 + 8/2 = 6.
    assert found["ctr_debiased"] == pytest.approx([5 / 13, 3 / 10])
    assert found["age_days"] == [38.0, 39.0]


def test_an_item_has_rows_from_the_day_it_is_created():
    born = 5 * DAY_US + DAY_US // 2
    found = rows(counts([], [], [], [], born), 4, 5, 6)
    assert found["ds"] == ["1970-01-06", "1970-01-07"]
    assert found["age_days"] == [0.5, 1.5]
    assert found["ctr_debiased"] == [0.25, 0.25]


def test_an_item_created_at_the_end_of_a_day_is_not_there_yet():
    assert rows(counts([], [], [], [], 6 * DAY_US), 5)["ds"] == []


@pytest.mark.parametrize("created_us", [None, 9 * DAY_US])
def test_an_item_that_is_shown_exists_whatever_its_date_says(created_us):
    found = rows(counts([5], [1], [4], [1], created_us), 4, 5)
    assert found["ds"] == ["1970-01-06"]
    assert found["age_days"] == [0.0]
    assert found["ctr_28d"] == [0.25]


def test_debiasing_undoes_where_items_were_shown():
    random = np.random.default_rng(0)
    truth, shown = np.arange(1, 6) ** -0.8, 2_000_000
    bias = from_randomised(np.full(5, shown), random.binomial(shown, 0.2 * truth))
    weak = BetaPrior(a=0.01, b=0.09)
    rates = []
    for position in (1, 5):
        clicks = random.binomial(shown, 0.1 * truth[position - 1])
        item = counts([3], [position], [shown], [clicks])
        rates.append(weak.smooth(clicks, item.examinations(np.array([3]), [bias])[0]).item())
    assert rates == pytest.approx([0.1, 0.1], rel=0.03)
