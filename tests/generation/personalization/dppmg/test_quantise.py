"""Codes against the library's own, and formulas by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.personalization.dppmg.quantise import (
    CODES,
    Quantiser,
    cut_to_shared,
    fit_codebooks,
    kept_share,
    perplexity,
    score_metric,
)


@pytest.fixture(scope="module")
def fitted():
    points = torch.nn.functional.normalize(torch.randn(400, 6, generator=torch.Generator().manual_seed(1)), dim=1)
    books = fit_codebooks(points, 3, seed=2, rounds=20)
    return points, Quantiser(metric=torch.eye(6), codebooks=books)


def test_codes_are_those_of_the_library(fitted):
    from vector_quantize_pytorch import ResidualVQ

    points, quantiser = fitted
    library = ResidualVQ(dim=6, codebook_size=CODES, num_quantizers=3).eval()
    for layer, book in zip(library.layers, quantiser.codebooks, strict=True):
        layer._codebook.embed.data.copy_(book[None])
        layer._codebook.initted.data.fill_(True)
    decoded, indices, _ = library(points[None])
    codes = quantiser.codes(points)
    assert (codes == indices[0].numpy()).all()
    assert torch.allclose(quantiser.decoded(codes), decoded[0], atol=1e-5)


def test_every_level_is_in_use_and_each_comes_nearer(fitted):
    points, quantiser = fitted
    codes = quantiser.codes(points)
    assert min(perplexity(codes[:, level]) for level in range(3)) >= 0.5 * CODES
    kept = []
    for level in range(3):
        prefix = codes.copy()
        prefix[:, level + 1 :] = -1
        kept.append(kept_share(points.numpy(), quantiser.decoded(prefix).numpy()))
    assert kept == sorted(kept)
    assert kept[-1] > 0.7


def test_a_preference_of_zeros_has_no_code_and_length_does_not_count(fitted):
    points, quantiser = fitted
    assert quantiser.codes(torch.zeros(2, 6)).tolist() == [[-1] * 3] * 2
    assert not quantiser.decoded(np.full((2, 3), -1)).any()
    assert (quantiser.codes(7 * points) == quantiser.codes(points)).all()
    assert quantiser.distance(torch.zeros(1, 6), np.full((1, 3), -1)).tolist() == [0.0]


def test_the_metric_is_of_differences_within_items():
    """Items a and b differ by 10 in a direction that tells no two of one item's covers apart."""
    nodes = torch.tensor([[1.0, 0.0, 10.0], [-1.0, 0.0, 10.0], [0.0, 2.0, 0.0], [0.0, -2.0, 0.0]])
    metric = score_metric(nodes, np.array([0, 0, 1, 1]))
    assert (metric.T @ metric).numpy() == pytest.approx(np.diag([0.5, 2.0, 0.0]), abs=1e-5)


def test_scores_of_decoded_codes_are_those_of_the_decoded_preference():
    metric = torch.tensor([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    quantiser = Quantiser(metric=metric, codebooks=torch.zeros(1, CODES, 2))
    preference, node = torch.tensor([[1.0, 3.0, 1.0]]), torch.tensor([[2.0, 1.0, 2.0]])
    told = node @ quantiser.directions() @ (preference @ metric.T).T
    assert float(told) == pytest.approx(float((node * preference).sum()))


def test_codes_that_few_share_are_cut_to_a_prefix_that_enough_do():
    codes = np.array([[0, 1, 2]] * 3 + [[0, 1, 3]] * 2 + [[0, 4, 0]] + [[5, 1, 1]])
    cut = cut_to_shared(codes, 3)
    assert cut.tolist() == [[0, 1, 2]] * 3 + [[0, 1, -1]] * 2 + [[0, -1, -1]] + [[-1, -1, -1]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 3), min_size=1, max_size=30), st.integers(1, 6))
def test_no_prefix_that_is_told_is_told_of_fewer(rows, least):
    codes = np.array(rows)
    for level in (1, 2):  # behind -1 there is nothing
        codes[codes[:, level - 1] < 0, level] = -1
    cut = cut_to_shared(codes, least)
    for length in (1, 2, 3):
        for prefix in np.unique(cut[:, :length], axis=0):
            if (prefix >= 0).all():
                assert (codes[:, :length] == prefix).all(1).sum() >= least
