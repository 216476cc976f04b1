"""Relevance by hand, and its gradient."""

from dataclasses import replace

import numpy as np
import torch

from generation.rewards.relevance import Relevance
from generation.rewards.view import PictureView
from reward_model.encoders.model import Encoded
from tests.support.models.reward_batches import batch


def test_relevance_is_differentiable_in_the_embedding():
    embedding = torch.nn.functional.normalize(torch.randn(2, 128), dim=1).requires_grad_()
    reference, text = torch.nn.functional.normalize(torch.randn(2, 2, 128), dim=2)
    names = (["i"] * 2, ["s"] * 2, ["fox"] * 2)
    view = PictureView(torch.zeros(2, 3, 64, 64), None, reference, text, *names, Encoded(embedding, embedding[:, :32]))
    Relevance().value(view).sum().backward()
    torch.testing.assert_close(embedding.grad, 0.75 * reference + 0.25 * text)


def unit(*values):
    vector = np.zeros(128, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def test_relevance_is_three_quarters_reference_and_one_quarter_title():
    pictures = replace(
        batch(2),
        embeddings=np.stack([unit(1, 0), unit(0, 1)]),
        reference_embeddings=np.stack([unit(3, 4), unit(3, 4)]),
        text_embeddings=np.stack([unit(0, 1), unit(0, 1)]),
    )
    np.testing.assert_allclose(Relevance().score(pictures), [0.75 * 0.6, 0.75 * 0.8 + 0.25], rtol=1e-6)
