"""What is known of users, by hand."""

import numpy as np
import pytest

from tests.support.worlds.feature_nights import padded, rows


def test_user_rates(tiny):
    users = rows(tiny, "user_features", "user_id")
    # March 29, 28 days: (2 of 4), (0 of 1), (1 of 1): p = 1/2, no spread beyond chance, 10,000 pseudo-impressions.
    assert users["29", "u1"]["ctr_28d"] == pytest.approx(5002 / 10004)
    assert users["29", "u3"]["ctr_28d"] == pytest.approx(5001 / 10001)
    # 1 day: (1 of 2), (1 of 1): p = 2.5/4; u2 was not seen that day and has the prior's mean.
    assert users["29", "u1"]["ctr_1d"] == pytest.approx(6251 / 10002)
    assert users["29", "u2"]["ctr_1d"] == pytest.approx(0.625)


def test_recency(tiny):
    users = rows(tiny, "user_features", "user_id")
    found = {key: row["recency_hours"] for key, row in users.items()}
    assert found["29", "u1"] == 4.0
    assert found["28", "u1"] == 38.0
    assert found["28", "u2"] == 27 * 24 + 15
    assert found["29", "u2"] is None


def test_affinity(tiny):
    users = rows(tiny, "user_features", "user_id")
    affinity = dict(users["29", "u3"]["category_affinity"])
    rate = 5001 / 10001
    assert affinity == {"pets": pytest.approx((1 + 10_000 * rate) / 10_001 / rate)}
    assert set(dict(users["29", "u1"]["category_affinity"])) == {"food", "pets"}
    assert set(dict(users["28", "u2"]["category_affinity"])) == {"food"}


def test_preferences(tiny):
    users = rows(tiny, "user_features", "user_id")
    row = users["29", "u1"]
    # Clicked a0 and b0, skipped b0 and a1: ((1, 1, 0) - (0, 1, 1)) / (2 + 5).
    np.testing.assert_allclose(row["pref_embedding"], padded([1 / 7, 0, -1 / 7], 128), atol=1e-7)
    np.testing.assert_allclose(row["pref_style"], padded([(1 - 0.6) / 7, (1 - 1.8) / 7], 32), atol=1e-7)
    np.testing.assert_allclose(users["29", "u2"]["pref_embedding"], padded([-1 / 6], 128), atol=1e-7)
    assert users["29", "u3"]["pref_embedding"] == [0.0] * 128
