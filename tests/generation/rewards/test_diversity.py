"""Diversity by hand."""

from dataclasses import replace

import numpy as np

from generation.rewards.diversity import Diversity
from tests.support.models.reward_batches import batch


def test_diversity_is_the_distance_to_other_segments_covers_of_the_item():
    styles = np.zeros((4, 32), np.float32)
    styles[0, 0] = styles[1, 1] = styles[2, 0] = styles[3, 0] = 1.0
    pictures = replace(batch(4), styles=styles, item_ids=["a", "a", "a", "b"], segment_ids=["s", "t", "u", "s"])
    # 0 and 2 look alike, 1 is at right angles to both; 3 has no company.
    np.testing.assert_allclose(Diversity().score(pictures), [0.5, 1.0, 0.5, np.nan])
    two_of_one = replace(pictures, segment_ids=["s", "s", "t", "s"])
    np.testing.assert_allclose(Diversity().score(two_of_one), [0.0, 1.0, 0.5, np.nan])
