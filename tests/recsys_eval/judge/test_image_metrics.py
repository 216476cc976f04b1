"""Values computed by hand, with a judge whose answers are written down."""

import numpy as np
import pytest

from recsys_eval.judge.image_metrics import (
    Pictures,
    distance_to_real,
    mean_pairwise_distance,
    measure_pictures,
    pairwise_diversity,
    perceptual_distance,
    style_agreement,
    subject_ranks,
    subject_recall,
)

CODES = ("heart", "star", "tree")


class PaintJudge:
    """Reads a picture's answers from its first pixel: red is the style, green the subject."""

    def style_probabilities(self, pixels):
        return np.eye(6, dtype=np.float32)[pixels[:, 0, 0, 0]]

    def subject_embedding(self, pixels):
        return np.eye(len(CODES), dtype=np.float32)[pixels[:, 0, 0, 1]]

    def features(self, pixels):
        return pixels[:, 0, 0].astype(np.float32)


def pictures(*rows: tuple[str, int, tuple[int, int, int]]) -> Pictures:
    """Pictures of one colour each: (subject, family, colour)."""
    return Pictures(
        pixels=np.stack([np.full((64, 64, 3), colour, np.uint8) for *_, colour in rows]),
        codes=np.array([code for code, *_ in rows]),
        families=np.array([family for _, family, _ in rows], dtype=np.int64),
    )


def real() -> Pictures:
    """Every subject in families 0 and 1, as the judge would have it."""
    return pictures(*((code, family, (family, k, 0)) for k, code in enumerate(CODES) for family in (0, 1)))


def painted() -> Pictures:
    """Four paintings: three in the right style, three of the right subject."""
    return pictures(("heart", 0, (0, 0, 0)), ("heart", 1, (1, 0, 3)), ("star", 1, (1, 1, 0)), ("star", 0, (2, 2, 4)))


def test_style_agreement_is_the_share_of_targets_met():
    found = style_agreement(PaintJudge(), painted())
    assert (found.value, found.n) == (0.75, 2)


def test_subject_recall_counts_the_ranks_up_to_k():
    # The fourth painting looks like a tree: its star comes after it and level with the heart, so last.
    assert subject_recall(PaintJudge(), painted(), real(), k=1).value == 0.75
    assert subject_recall(PaintJudge(), painted(), real(), k=2).value == 0.75
    assert subject_recall(PaintJudge(), painted(), real(), k=3).value == 1.0


def test_ranks_use_only_the_other_families():
    gallery = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    args = {"query_families": np.array([0]), "gallery_families": np.array([0, 1, 1])}
    query = np.array([[1, 0]], np.float32)
    # The heart of family 0 equals the query and is left out; of family 1, the star's 0.6 beats the heart's 0.
    assert subject_ranks(query, np.array(["heart"]), gallery, np.array(["heart", "heart", "star"]), **args) == [2]


def test_a_subject_is_the_mean_of_its_pictures():
    gallery = np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32)
    codes = np.array(["heart", "heart", "star"])
    # The heart's mean is (0.707, 0.707), 0.7 from either axis; the star is 0.8 from the first.
    ranks = subject_ranks(
        np.array([[1, 0], [0, 1]], np.float32),
        np.array(["heart", "heart"]),
        gallery,
        codes,
        query_families=np.array([2, 2]),
        gallery_families=np.array([0, 1, 0]),
    )
    assert ranks.tolist() == [2, 1]


def test_a_tie_counts_against_the_query():
    same = np.ones((2, 1), np.float32)
    ranks = subject_ranks(
        same[:1],
        np.array(["heart"]),
        same,
        np.array(["heart", "star"]),
        query_families=np.array([0]),
        gallery_families=np.array([1, 1]),
    )
    assert ranks.tolist() == [2]


def test_a_subject_missing_from_the_gallery_is_named():
    with pytest.raises(ValueError, match="'moon' has no gallery picture outside family 0"):
        subject_recall(PaintJudge(), pictures(("moon", 0, (0, 0, 0))), real(), k=1)


def test_perceptual_distance_is_the_squared_distance_of_features():
    a, b = painted().pixels[[0, 1]], painted().pixels[[0, 3]]
    assert perceptual_distance(PaintJudge(), a, b).tolist() == [0.0, 1.0 + 4.0 + 1.0]
    with pytest.raises(ValueError, match="got 2 and 1"):
        perceptual_distance(PaintJudge(), a, b[:1])


def test_distance_to_real_leaves_out_what_the_family_does_not_draw():
    more = pictures(("heart", 1, (1, 0, 3)), ("star", 0, (2, 2, 4)), ("tree", 5, (9, 9, 9)))
    found = distance_to_real(PaintJudge(), more, real())
    assert found.value == pytest.approx((9 + (4 + 1 + 16)) / 2)  # star 0 is (0, 1, 0)
    assert found.n == 2


def test_mean_pairwise_distance_agrees_with_all_pairs():
    vectors = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    pairs = [np.square(vectors[i] - vectors[j]).sum() for i in range(5) for j in range(i)]
    assert mean_pairwise_distance(vectors) == pytest.approx(np.mean(pairs), rel=1e-5)


def test_diversity_is_a_mean_over_subjects_with_several_pictures():
    found = pairwise_diversity(PaintJudge(), painted())
    assert found.value == pytest.approx(((1 + 0 + 9) + (1 + 1 + 16)) / 2)
    assert found.n == 2
    with pytest.raises(ValueError, match="no rows"):
        pairwise_diversity(PaintJudge(), pictures(("heart", 0, (0, 0, 0))))


def test_all_figures_come_together():
    found = measure_pictures(PaintJudge(), painted(), real())
    assert found["style_agreement"].value == found["subject_recall_at_1"].value == 0.75
    assert set(found) == {
        "style_agreement", "subject_recall_at_1", "subject_recall_at_10", "distance_to_real", "pairwise_diversity"
    }  # fmt: skip


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="1 pictures, 2 codes"):
        Pictures(pixels=np.zeros((1, 64, 64, 3), np.uint8), codes=np.array(["a", "b"]), families=np.array([0]))
