"""Which covers stand for what was clicked."""

import numpy as np
import pytest

from generation.catalogue import CoverVectors
from generation.clicked_covers import CoverShelf
from generation.history import CLICKED, KNOWN, WEIGHT
from generation.types import SegmentProfile


@pytest.fixture
def shelf():
    vectors = CoverVectors(
        rows={name: row for row, name in enumerate("abcdefghijkl")},
        embeddings=np.eye(12, 128, dtype=np.float32) * 3,
        styles=np.zeros((12, 32), np.float32),
    )
    return CoverShelf.of(vectors, [*"abcdefghijkl"])


def history(*events):
    told = np.zeros((48, 165), np.float32)
    for row, (axis, clicked, weight) in enumerate(events):
        told[row, axis] = 0.5
        told[row, [CLICKED, WEIGHT, KNOWN]] = clicked, weight, 1
    return told


def test_the_nearest_cover_of_each_click_stands_for_it_the_heaviest_first(shelf):
    told = history((4, 1, 1), (2, -1, 9), (7, 1, 3), (4, 1, 1), (1, 1, 1))
    assert shelf.standing_for(told) == ("h", "e", "b")


def test_at_most_eight_stand_for_a_history_and_none_for_skips_alone(shelf):
    told = history(*[(axis, 1, 1) for axis in range(12)])
    assert shelf.standing_for(told) == tuple("abcdefgh")
    assert shelf.standing_for(history((1, -1, 1))) == ()
    assert shelf.standing_for(None) == ()


def test_a_profile_is_shown_with_them(shelf):
    nothing = np.zeros(128, np.float32), np.zeros(32, np.float32)
    profile = SegmentProfile(
        segment_id="s", pref_embedding=nothing[0], pref_style=nothing[1], history=history((3, 1, 1))
    )
    assert shelf.shown(profile).clicked_covers == ("d",)


def test_covers_without_vectors_are_named(shelf):
    with pytest.raises(ValueError, match="1 covers have no features, like z"):
        CoverShelf.of(CoverVectors(rows={}, embeddings=np.zeros((0, 128)), styles=np.zeros((0, 32))), ["z"])
