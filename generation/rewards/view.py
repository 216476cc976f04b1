"""Painted pictures as tensors, for rewards that are differentiated."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from generation.rewards.batch import PictureBatch
from reward_model.encoders.model import PICTURE_SIZE, Encoded, ImageEncoder


@dataclass(frozen=True)
class PictureView:
    """N pictures with all that differentiable rewards look at; encoded when first asked, and once.

    The fields of :class:`~generation.rewards.batch.PictureBatch`, as tensors.
    """

    pixels: Tensor
    """(N, 3, H, W) in [0, 1]; the way gradients take."""
    encoder: ImageEncoder | None
    """None where ``encoded`` is given or no reward asks for it."""
    reference_embeddings: Tensor
    """(N, 128)"""
    text_embeddings: Tensor
    """(N, 128)"""
    item_ids: Sequence[str]
    segment_ids: Sequence[str]
    prompts: Sequence[str]
    given: Encoded | None = None
    """Embeddings that are known already."""

    @cached_property
    def encoded(self) -> Encoded:
        """(N, 128) aligned and (N, 32) style embeddings, L2-normalised."""
        if self.given is not None:
            return self.given
        if self.encoder is None:
            raise ValueError("A reward asks for embeddings, and the view has no encoder")
        pixels = self.pixels
        if pixels.shape[2:] != (PICTURE_SIZE, PICTURE_SIZE):
            size = (PICTURE_SIZE, PICTURE_SIZE)
            pixels = torch.nn.functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
        encoded: Encoded = self.encoder(pixels)
        return encoded

    @classmethod
    def of(cls, batch: PictureBatch) -> "PictureView":
        """The same pictures, with the embeddings the batch has."""
        return cls(
            pixels=torch.from_numpy(batch.pictures if batch.detailed is None else batch.detailed)
            .permute(0, 3, 1, 2)
            .float()
            / 255,
            encoder=None,
            reference_embeddings=torch.from_numpy(batch.reference_embeddings),
            text_embeddings=torch.from_numpy(batch.text_embeddings),
            item_ids=batch.item_ids,
            segment_ids=batch.segment_ids,
            prompts=batch.prompts,
            given=Encoded(torch.from_numpy(batch.embeddings), torch.from_numpy(batch.styles)),
        )
