"""The personal reward."""

from dataclasses import replace

import numpy as np
import pytest

from generation.rewards.personal import Personal
from generation.rewards.view import PictureView
from tests.generation.rewards.test_base import batch


def random_batch(rows, seed=0):
    rng = np.random.default_rng(seed)

    def unit(width):
        vectors = rng.normal(size=(rows, width)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return replace(
        batch(rows),
        pictures=rng.integers(0, 256, (rows, 64, 64, 3), dtype=np.uint8),
        embeddings=unit(128),
        styles=unit(32),
        reference_embeddings=unit(128),
        text_embeddings=unit(128),
        prompts=["fox"] * rows,
    )


class Liking:
    """A personal reward that likes the first axis of style."""

    def segment_click_probability(self, segment_ids, item_ids, embeddings, styles):
        return np.asarray(styles[:, 0], np.float64)


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
