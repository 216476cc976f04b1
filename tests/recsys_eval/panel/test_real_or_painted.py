import numpy as np

from recsys_eval.panel.pairs import Pairs
from recsys_eval.panel.real_or_painted import auc, two_sample_test


def test_a_fresh_classifier_tells_noise_but_not_copies(copies: Pairs) -> None:
    some = copies.sample(12)
    found = two_sample_test(some, steps=6)
    assert auc(found.painted, found.real, some.painted.codes, n=50).value == 0.5  # equal pictures, equal logits
    noise = np.random.default_rng(0).integers(0, 120, some.real.shape, dtype=np.uint8)
    noisy = Pairs(painted=type(some.painted)(
        pixels=some.painted.pixels - np.minimum(noise, some.painted.pixels),
        codes=some.painted.codes,
        families=some.painted.families,
    ), real=some.real)  # fmt: skip
    found = two_sample_test(noisy, steps=30)
    assert auc(found.painted, found.real, noisy.painted.codes, n=50).value > 0.9
