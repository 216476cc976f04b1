"""Pictures as tensors: encoded when first asked, and once."""

from types import SimpleNamespace

import pytest
import torch

from generation.rewards.view import PictureView


class Counting:
    """An encoder that says how bright a picture is, and how often it was asked."""

    def __init__(self):
        self.sizes = []

    def __call__(self, pixels):
        self.sizes.append(tuple(pixels.shape))
        bright = pixels.mean((1, 2, 3))[:, None]
        return SimpleNamespace(embedding=bright.expand(-1, 128), style=bright.expand(-1, 32))


def view(pixels, encoder=None, **more):
    zeros, names = torch.zeros(len(pixels), 128), ["x"] * len(pixels)
    return PictureView(pixels, encoder, zeros, zeros, names, names, names, **more)


def test_any_size_is_encoded_once_at_the_encoders_and_gradients_go_through():
    encoder, pixels = Counting(), torch.rand(2, 3, 128, 128, requires_grad=True)
    seen = view(pixels, encoder)
    assert seen.encoded is seen.encoded
    assert encoder.sizes == [(2, 3, 64, 64)]
    seen.encoded.embedding.sum().backward()
    assert (pixels.grad > 0).all()


def test_what_is_known_is_not_encoded_again():
    known = SimpleNamespace(embedding=torch.ones(1, 128))
    encoder = Counting()
    assert view(torch.rand(1, 3, 64, 64), encoder, given=known).encoded is known
    assert encoder.sizes == []


def test_without_an_encoder_embeddings_cannot_be_asked_for():
    with pytest.raises(ValueError, match="has no encoder"):
        _ = view(torch.rand(1, 3, 64, 64)).encoded
