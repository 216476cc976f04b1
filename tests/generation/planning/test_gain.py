import numpy as np
import pytest

from generation.planning.gain import expected_clicks, reached_styles
from generation.types import SegmentProfile

STYLES = {"flat": 0, "round": 1}
LIKED = {"s-flat": 0, "s-round": 1}


class Scorer:
    """Click probability 0.1, plus 0.2 for the style that the segment likes and 0.1 for what the item shows."""

    def segment_click_probability(self, segment_ids, item_ids, embeddings, styles):
        liked = [row[LIKED[name]] for name, row in zip(segment_ids, styles, strict=True)]
        return 0.1 + 0.2 * np.asarray(liked, float) + 0.1 * embeddings[:, 0]


def segment(name, likes):
    style = np.zeros(32, np.float32)
    style[STYLES[likes]] = 0.3
    return SegmentProfile(segment_id=name, pref_embedding=np.zeros(128, np.float32), pref_style=style)


def styles(*names):
    return np.eye(32, dtype=np.float32)[[STYLES[name] for name in names]]


SEGMENTS = [segment("s-round", "round"), segment("s-flat", "flat")]


def test_painting_reaches_the_mean_of_what_a_segment_likes_most():
    real = np.concatenate([styles(*["flat"] * 10, *["round"] * 9), np.full((1, 32), 0.1, np.float32)])
    real[10, 2] = 1.0  # liked as much as the other round ones
    reached = reached_styles(real, SEGMENTS)
    # a tenth of 20 are two: the two round ones that come first, of which one has the third axis too
    assert reached[0, :3] == pytest.approx([0.0, 2 / 5**0.5, 1 / 5**0.5])
    assert reached[1, :3] == pytest.approx([1.0, 0.0, 0.0])
    assert reached_styles(real[:1], SEGMENTS).shape == (2, 32)


def test_a_default_cover_in_the_favourite_style_promises_nothing():
    shows = np.zeros((2, 128), np.float32)
    shows[1, 0] = 1.0
    expected = expected_clicks(["a", "b"], shows, styles("round", "flat"), SEGMENTS, styles("round", "flat"), Scorer())
    assert expected.default == pytest.approx(np.array([[0.3, 0.1], [0.2, 0.4]]))
    assert expected.painted == pytest.approx(np.array([[0.3, 0.3], [0.4, 0.4]]))
    assert expected.gain == pytest.approx(np.array([[0.0, 0.2], [0.2, 0.0]]))
    assert expected.relative == pytest.approx(np.array([[0.0, 2.0], [1.0, 0.0]]))
