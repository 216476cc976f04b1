"""Distances to the true drawing: by features that are kept, and by vectors that the lake already has."""

from types import SimpleNamespace

import numpy as np
import pytest

from recsys_eval.judge.judgements import CachedFeatures
from recsys_eval.judge.known_drawings import picture_id
from recsys_eval.simulation.distances import PackagedEncoder, encoded, judged, known_vectors
from reward_model.encoders.model import ENCODER_ID, load_image_encoder

PICTURES = np.random.default_rng(2).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)


class Given:
    """Features are given by the first value of a picture; counts the pictures that it is asked for."""

    def __init__(self, vectors):
        self.vectors, self.asked = vectors, 0

    def features(self, pixels):
        self.asked += len(pixels)
        return np.stack([self.vectors[int(picture[0, 0, 0])] for picture in pixels])


def filled(*values):
    return np.stack([np.full((64, 64, 3), value, np.uint8) for value in values])


def test_the_encoder_s_distance_by_hand():
    # two parts of length one each: the first part agrees and the second is at a right angle, then both agree
    vectors = {1: np.array([1, 0, 1, 0], np.float32), 2: np.array([1, 0, 0, 1], np.float32)}
    judge = Given(vectors)
    distance = encoded(CachedFeatures(judge), filled(1, 1))
    assert distance(filled(2, 1)).tolist() == [1 - (1 + 0) / 2, 0.0]
    assert judge.asked == 2  # each picture once, though two are asked for twice


def test_the_judge_s_distance_is_squared():
    vectors = {1: np.array([0, 3], np.float32), 2: np.array([4, 0], np.float32)}
    assert judged(Given(vectors), filled(1, 2))(filled(2, 2)).tolist() == [25.0, 0.0]


def night(encoder_id, vectors):
    known = {"a": 1, "b": 2}
    sources = SimpleNamespace(
        covers=SimpleNamespace(vectors=vectors),
        cover_rows=lambda ids: np.array([known.get(name, 0) for name in ids]),
    )
    return SimpleNamespace(encoder_id=encoder_id, sources=sources)


def test_painted_covers_are_not_encoded_again():
    vectors = np.arange(9, dtype=np.float32).reshape(3, 3)
    painted = SimpleNamespace(cover_ids=["b", "unknown", "a"], pixels=PICTURES[:3])
    found = known_vectors(night(ENCODER_ID, vectors), painted)
    assert set(found) == {picture_id(PICTURES[0]), picture_id(PICTURES[2])}
    np.testing.assert_array_equal(found[picture_id(PICTURES[0])], vectors[2])
    assert known_vectors(night("another", vectors), painted) == {}


def test_both_parts_of_the_packaged_encoder_are_normalised():
    found = PackagedEncoder(load_image_encoder()).features(PICTURES[:2])
    assert found.shape == (2, 160)
    np.testing.assert_allclose(np.square(found).sum(1), 2.0, atol=1e-5)


@pytest.mark.parametrize("count", [0, 3])
def test_known_features_are_not_asked_for(count):
    known = {picture_id(picture): np.ones(2, np.float32) for picture in PICTURES[:count]}
    judge = Given(dict.fromkeys(range(256), np.zeros(2, np.float32)))
    found = CachedFeatures(judge, known).features(PICTURES)
    assert judge.asked == 4 - count
    assert found.sum() == 2 * count
