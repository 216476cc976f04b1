"""A picture is judged once, whoever asks: in one process, and over nights through the lake."""

import hashlib

import numpy as np
import pytest

from recsys_eval.judge.judgements import CachedFeatures, CachedJudge, picture_id
from recsys_eval.judge.model import Judge


@pytest.fixture
def pictures():
    return np.random.default_rng(5).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


def test_a_picture_is_named_by_its_pixels(pictures):
    turned = pictures[0].transpose(1, 0, 2)  # not contiguous, other pixels
    assert picture_id(pictures[0]) == hashlib.sha256(pictures[0].tobytes()).hexdigest()
    assert picture_id(turned) == hashlib.sha256(np.ascontiguousarray(turned).tobytes()).hexdigest()
    assert picture_id(turned) != picture_id(pictures[0])


def test_it_says_what_the_judge_says_and_judges_once(pictures):
    plain, judge = Judge.load(), CachedJudge.load()
    asked = pictures[[3, 0, 3, 1]]
    np.testing.assert_allclose(judge.style_probabilities(asked), plain.style_probabilities(asked), atol=1e-5)
    np.testing.assert_allclose(judge.subject_embedding(asked), plain.subject_embedding(asked), atol=1e-5)
    assert judge.n_passes == 3
    judge.subject_similarity(pictures[:3], pictures[2:])
    assert judge.n_passes == 5
    assert judge.style_logits(pictures[:0]).shape == (0, 6)
    assert judge.subject_embedding(pictures[:0]).shape == (0, 128)


def test_another_night_makes_no_pass_for_what_was_judged(pictures, new_lake):
    first = CachedJudge.open(new_lake)
    first.style_logits(pictures[:3])
    assert first.save(new_lake) == 3
    assert first.save(new_lake) == 0
    second = CachedJudge.open(new_lake)
    assert np.array_equal(second.style_logits(pictures[:3]), first.style_logits(pictures[:3]))
    assert np.array_equal(second.subject_embedding(pictures[:3]), first.subject_embedding(pictures[:3]))
    assert second.n_passes == 0
    second.style_logits(pictures)
    assert (second.n_passes, second.save(new_lake)) == (2, 2)
    assert new_lake.read("judgements").num_rows == 5


def test_another_judge_starts_anew(pictures, new_lake):
    first = CachedJudge.load()
    first.style_logits(pictures)
    first.save(new_lake)
    other = CachedJudge(first.network, "another")
    other.style_logits(pictures)
    assert other.n_passes == 5
    assert other.save(new_lake) == 5
    assert CachedJudge.open(new_lake).n_passes == 0
    assert sorted(set(new_lake.read("judgements")["judge"].to_pylist())) == sorted({first.fingerprint, "another"})


class Counting:
    """Features are the mean colour; counts the pictures that it is asked for."""

    asked = 0

    def features(self, pixels):
        self.asked += len(pixels)
        return pixels.mean(axis=(1, 2), dtype=np.float32)


def test_features_are_computed_once_a_picture(pictures):
    judge = Counting()
    once = CachedFeatures(judge)
    first = once.features(pictures[[0, 1, 0]])
    np.testing.assert_array_equal(first, pictures[[0, 1, 0]].mean(axis=(1, 2), dtype=np.float32))
    once.features(pictures[:3])
    assert judge.asked == 3
    assert once.features(pictures[:0]).shape == (0, 3)
