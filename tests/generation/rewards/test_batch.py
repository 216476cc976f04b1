"""Pictures as arrays, with what rewards look at."""

import numpy as np

from generation.rewards.batch import PictureBatch


def test_it_is_as_long_as_its_pictures_and_needs_no_words():
    flat = np.zeros((3, 128), np.float32)
    batch = PictureBatch(
        pictures=np.zeros((3, 64, 64, 3), np.uint8),
        embeddings=flat,
        styles=flat[:, :32],
        reference_embeddings=flat,
        text_embeddings=flat,
        item_ids=["a", "b", "b"],
        segment_ids=["all", "s0", "s1"],
    )
    assert len(batch) == 3
    assert batch.prompts == ()
