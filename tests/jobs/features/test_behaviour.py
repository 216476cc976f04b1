"""Counts and rates of users, items and positions, by hand."""

import pytest

from tests.support.worlds.feature_nights import rows


def test_user_counts(tiny):
    users = rows(tiny, "user_features", "user_id")
    assert set(users) == {(d, u) for d in ("27", "28", "29") for u in ("u1", "u2")} | {("29", "u3")}
    names = ("impressions_1d", "clicks_1d", "impressions_7d", "clicks_7d", "impressions_28d", "clicks_28d")
    found = {key: tuple(row[name] for name in names) for key, row in users.items()}
    assert found["27", "u1"] == (2, 1, 2, 1, 2, 1)
    assert found["28", "u1"] == (0, 0, 2, 1, 2, 1)
    assert found["29", "u1"] == (2, 1, 4, 2, 4, 2)
    # The click of March 1 is within 28 days of March 28, and no longer of March 29.
    assert found["27", "u2"] == (0, 0, 0, 0, 1, 1)
    assert found["28", "u2"] == (1, 0, 1, 0, 2, 1)
    assert found["29", "u2"] == (0, 0, 1, 0, 1, 0)
    assert found["29", "u3"] == (1, 1, 1, 1, 1, 1)


def test_position_bias(tiny):
    bias = rows(tiny, "position_bias", "position")
    # Position 1: 2 of 3; position 2: 1 of 3.
    assert bias["29", 1]["examination"] == 1.0
    assert bias["29", 2]["examination"] == pytest.approx(0.5)
    assert (bias["29", 1]["impressions"], bias["29", 2]["impressions"]) == (3, 3)


def test_items(tiny):
    items = rows(tiny, "item_features", "item_id")
    assert {key for key in items if key[1] == "C"} == {("29", "C")}
    assert items["29", "A"]["age_days"] == 29.0
    assert items["29", "B"]["age_days"] == 1.5
    assert items["27", "B"]["age_days"] == 0.0
    assert (items["29", "A"]["impressions_28d"], items["29", "A"]["clicks_28d"]) == (3, 1)
    assert (items["29", "A"]["impressions_1d"], items["29", "C"]["impressions_28d"]) == (1, 0)
    assert items["29", "A"]["ctr_28d"] == pytest.approx(5001 / 10003)


def test_debiased_rates(tiny):
    items = rows(tiny, "item_features", "item_id")
    # Examinations: A 1 + 1 + 1/2, B 1 + 1/2 + 1/2; clicks 1 and 2; p = 3.5/5.5 = 7/11. The moments ask for a
    # strength of 0.68, kept at 1: a = 7/11.
    assert items["29", "A"]["ctr_debiased"] == pytest.approx(36 / 77, abs=1e-6)
    assert items["29", "B"]["ctr_debiased"] == pytest.approx(29 / 33, abs=1e-6)
    assert items["29", "C"]["ctr_debiased"] == pytest.approx(7 / 11, abs=1e-6)
