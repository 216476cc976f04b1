"""Who is in which segment."""

import math

import pytest

from tests.support.worlds.feature_nights import (
    rows,
)


def test_fewer_users_than_the_floor_are_all_new(tiny):
    segments = tiny.lake.read("segments").to_pylist()
    assert [(row["ds"][-2:], row["segment_id"], row["size"]) for row in sorted(segments, key=lambda r: r["ds"])] == [
        ("28", "new", 2),
        ("29", "new", 3),
    ]
    for row in segments:
        assert not any(row["pref_embedding"])
        assert not any(row["pref_style"])
        assert row["exemplar_users"] == row["exemplar_covers"] == []
    members = rows(tiny, "user_segments", "user_id")
    assert {row["segment_id"] for row in members.values()} == {"new"}
    # The distance of u1 from the origin: each block has the scale 1, for nothing was fitted.
    assert members["29", "u3"]["distance"] == 0.0
    style = math.hypot(0.4 / 7, -0.8 / 7)
    subject = 0.25 * math.hypot(1 / 7, 1 / 7)
    # u1 and u3 clicked, so clusters were fitted: blocks are divided by their root mean square over both.
    scales = style / math.sqrt(2), math.hypot(1 / 7, 1 / 7) / math.sqrt(2)
    expected = math.hypot(style / scales[0], subject / scales[1])
    assert members["29", "u1"]["distance"] == pytest.approx(expected, rel=1e-6)
