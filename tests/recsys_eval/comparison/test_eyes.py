import numpy as np

from recsys_eval.comparison.eyes import ENCODED, STYLE, SUBJECT, Eyes
from recsys_eval.judge.model import Judge
from reward_model.encoders.model import encode_pictures


def test_one_look_is_what_the_judge_and_the_encoder_say_apart():
    judge = Judge.load()
    eyes = Eyes(judge)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    seen = eyes(pixels)
    np.testing.assert_allclose(seen[STYLE], judge.style_probabilities(pixels), atol=1e-5)
    np.testing.assert_allclose(seen[SUBJECT], judge.subject_embedding(pixels), atol=1e-5)
    np.testing.assert_allclose(seen[ENCODED], np.concatenate(encode_pictures(eyes.encoder, pixels), axis=1), atol=1e-5)
