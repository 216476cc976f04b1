"""Pigeon over public checkpoints: clicked covers masked in a prompt, meta tokens, connector, generator.

The pictures of covers that somebody clicked stand before the reference in the prompt of a multimodal model, under a
learned mask (:mod:`~generation.personalization.pigeon.public.masking`). Meta tokens draw what matters out of it and a
connector turns them into the generator's conditioning, as ICG's do; low-rank weights tune the language model. A
preference vector is not told: the clicked covers are all that is known of somebody. Who has clicked none is asked
about in the words for nobody in particular, with the reference alone: that is the unpersonalised cover, and what
guidance moves away from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generation.personalization.icg.adapter import Connector, PromptEmbeds
from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.icg.public.mllm import (
    Inputs,
    MetaTokens,
    load_mllm,
    load_processor,
    picture_token,
    prepare_asked,
)
from generation.personalization.low_rank import add_lora
from generation.personalization.pigeon.public.config import PigeonConfig
from generation.personalization.pigeon.public.masking import Masking, PictureMask, masked, places_of

QUERIES_AND_VALUES = r".*(language_model|text_model)\..*\.(q|v)_proj"
"""Layers of the language model that LoRA tunes; the picture encoder stays as it is."""


@dataclass(frozen=True, kw_only=True)
class PigeonBatch:
    """What a batch is painted from."""

    inputs: Inputs
    """Of the multimodal model: each row's clicked covers, reference and title."""
    counts: Tensor
    """(B,) int64 clicked covers of each row; 0 is nobody in particular."""
    masking: Masking
    plain: Inputs | None = None
    """The same rows for nobody in particular, where guidance needs them."""

    @property
    def nobody(self) -> "PigeonBatch":
        """The same items, without clicked covers."""
        assert self.plain is not None, "a batch without its plain half cannot be guided"
        return PigeonBatch(inputs=self.plain, counts=torch.zeros_like(self.counts), masking=self.masking)


class PublicPigeon(nn.Module):
    """The whole model.

    Parameters
    ----------
    config
        Sizes and tuning.
    mllm
        An image-text-to-text model of ``transformers``.
    generator
        A pipeline of ``diffusers``; it is never tuned.
    processor
        Of the multimodal model; needed by :meth:`batch` only.
    """

    def __init__(self, config: PigeonConfig, mllm: Any, generator: DiffusersGenerator, processor: Any = None) -> None:
        super().__init__()
        self.config, self.processor = config, processor
        self.metas = MetaTokens(mllm, config.meta_tokens)
        self.picture_token = picture_token(mllm.config)
        self.mask = PictureMask(self.metas.width, config.width)
        self.connector = Connector(self.metas.width, generator.spec, width=config.width, layers=config.layers)
        self.generator = generator
        self.denoiser, self.vae = generator.denoiser, generator.vae
        add_lora(self.metas.base, QUERIES_AND_VALUES, config.lora_rank, config.lora_alpha)

    @classmethod
    def load_bases(cls, config: PigeonConfig) -> "PublicPigeon":
        """A fresh model over the checkpoints that the configuration names.

        Raises
        ------
        FileNotFoundError
            A checkpoint is not here, and downloads are not allowed.
        """
        dtype = getattr(torch, config.dtype)
        return cls(
            config,
            load_mllm(config.mllm, allow_download=config.allow_download, dtype=dtype),
            DiffusersGenerator.load(config.generator, allow_download=config.allow_download, dtype=dtype),
            load_processor(config.mllm, allow_download=config.allow_download),
        )

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.metas.queries.device

    def batch(
        self,
        titles: Sequence[str],
        references: NDArray[np.uint8],
        clicked: Sequence[NDArray[np.uint8]],
        *,
        masking: Masking | None = None,
        guided: bool = False,
    ) -> PigeonBatch:
        """B items for somebody, ready to go in.

        Parameters
        ----------
        titles, references
            B titles and (B, H, W, 3) uint8 RGB covers.
        clicked
            B times (K, H, W, 3) of the covers that they clicked; K may be 0, and differ.
        masking
            None drops the share that the configuration names, without noise.
        guided
            Whether the rows for nobody in particular are needed too.
        """
        counts = torch.tensor([len(covers) for covers in clicked])
        if masking is None:
            masking = Masking(ratio=torch.full((len(titles),), self.config.mask_ratio))
        return PigeonBatch(
            inputs=self._prepared(titles, references, clicked),
            counts=counts,
            masking=masking,
            plain=self._prepared(titles, references, [covers[:0] for covers in clicked]) if guided else None,
        )

    def _prepared(
        self, titles: Sequence[str], references: NDArray[np.uint8], clicked: Sequence[NDArray[np.uint8]]
    ) -> Inputs:
        asked = [self.config.asked(title, len(covers)) for title, covers in zip(titles, clicked, strict=True)]
        shown = [[*covers, reference] for covers, reference in zip(clicked, references, strict=True)]
        prepared = prepare_asked(self.processor, asked, shown)
        return {name: value.to(self.device) for name, value in prepared.items()}

    def forward(self, batch: PigeonBatch) -> PromptEmbeds:
        """The conditioning of a batch."""
        conditioning: PromptEmbeds = self.connector(self._drawn(batch))
        return conditioning

    def _drawn(self, batch: PigeonBatch) -> Tensor:
        """(B, meta_tokens, width) of the language model."""
        if not batch.counts.any():
            drawn: Tensor = self.metas(batch.inputs)
            return drawn
        places = places_of(batch.inputs["input_ids"], self.picture_token, batch.counts)
        with masked(self.metas.base, self.mask, places, batch.counts, batch.masking):
            drawn = self.metas(batch.inputs)
        return drawn

    def trainable(self) -> dict[str, nn.Parameter]:
        """What training moves, by name: queries, mask, connector and LoRA."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    @torch.no_grad()
    def paint(
        self, batch: PigeonBatch, *, seeds: Sequence[int], steps: int, size: tuple[int, int], guidance: float = 1.0
    ) -> NDArray[np.uint8]:
        """(B, height, width, 3) uint8 of a size (width, height); guidance moves away from what nobody is painted."""
        negative = None if guidance == 1 else self(batch.nobody)
        return self.generator.paint(
            self(batch), seeds=seeds, steps=steps, size=size, guidance=guidance, negative=negative
        )
