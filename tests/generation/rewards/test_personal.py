"""The personal reward."""

from dataclasses import replace

import numpy as np
import pytest

from generation.rewards.personal import Personal
from generation.rewards.view import PictureView
from tests.support.models.reward_batches import Liking, batch, random_batch


def test_a_personal_reward_without_gradient_says_what_to_do():
    with pytest.raises(TypeError, match=r"reward_model\.gradient\.ClickGradient"):
        Personal(Liking()).value(PictureView.of(random_batch(2)))


def test_personal_asks_the_reward_model_for_each_picture_s_segment():
    class Scorer:
        def segment_click_probability(self, segment_ids, item_ids, embeddings, styles):
            assert (len(embeddings), len(styles)) == (2, 2)
            return np.asarray([{"s1": 0.1, "all": 0.3}[segment] for segment in segment_ids])

    pictures = replace(batch(2), segment_ids=["all", "s1"])
    assert Personal(Scorer()).score(pictures).tolist() == [0.3, 0.1]
