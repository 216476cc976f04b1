import numpy as np
import pandas as pd
import pytest

from generation.catalogue import CoverVectors
from generation.gain import ctr_gains
from generation.personalization.methods import SegmentProfile

STYLES = {"flat": 0, "round": 1}
LIKED = {"s-flat": 0, "s-round": 1}


class Scorer:
    """Click probability 0.1, plus 0.2 for the style that the segment likes."""

    def segment_click_probability(self, segment_ids, item_ids, embeddings, styles):
        return np.asarray([0.1 + 0.2 * row[LIKED[name]] for name, row in zip(segment_ids, styles, strict=True)])


def segment(name, likes):
    style = np.zeros(32, np.float32)
    style[STYLES[likes]] = 0.3
    return SegmentProfile(segment_id=name, pref_embedding=np.zeros(128, np.float32), pref_style=style)


def covers(*rows):
    frame = pd.DataFrame(rows, columns=["item_id", "category", "style", "is_default"])
    frame["cover_id"] = [f"{item}-{style}" for item, style in zip(frame["item_id"], frame["style"], strict=True)]
    styles = np.zeros((len(frame), 32), np.float32)
    for row, style in enumerate(frame["style"]):
        styles[row, STYLES[style]] = 1.0
    vectors = CoverVectors(
        rows={cover: row for row, cover in enumerate(frame["cover_id"])},
        embeddings=np.zeros((len(frame), 128), np.float32),
        styles=styles,
    )
    return frame, vectors


def test_gain_is_the_preferred_drawing_over_the_default_shrunk_by_category():
    frame, vectors = covers(
        ("a", "animals", "flat", True),
        ("a", "animals", "round", False),
        ("b", "food", "flat", False),
        ("b", "food", "round", True),
        ("alone", "food", "flat", True),
    )
    gains = ctr_gains(frame, vectors, [segment("s-round", "round"), segment("s-flat", "flat")], Scorer())
    # s-round gains 0.2 on a, nothing on b: overall 0.1; one item a category, k = 5
    assert gains.overall["s-round"] == pytest.approx(0.1)
    assert gains.of("s-round", "animals") == pytest.approx((0.2 + 5 * 0.1) / 6)
    assert gains.of("s-round", "food") == pytest.approx((0.0 + 5 * 0.1) / 6)
    assert gains.of("s-flat", "food") == pytest.approx((0.2 + 5 * 0.1) / 6)
    assert gains.of("s-flat", "travel") == pytest.approx(0.1)  # never looked at
    assert gains.of("unknown", "food") == 0.0


def test_without_alternatives_nothing_is_known_to_be_gained():
    frame, vectors = covers(("a", "animals", "flat", True))
    assert ctr_gains(frame, vectors, [segment("s-flat", "flat")], Scorer()).of("s-flat", "animals") == 0.0
