"""Pictures to be rewarded, and a personal reward whose answer is known."""

from dataclasses import replace

import numpy as np

from generation.rewards.batch import PictureBatch


def batch(rows):
    flat = np.zeros((rows, 128), np.float32)
    return PictureBatch(
        pictures=np.zeros((rows, 64, 64, 3), np.uint8),
        embeddings=flat,
        styles=flat[:, :32],
        reference_embeddings=flat,
        text_embeddings=flat,
        item_ids=["i"] * rows,
        segment_ids=["s"] * rows,
    )


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
