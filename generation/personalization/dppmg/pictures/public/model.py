r"""A public text-to-image pipeline that is told codes beside the title.

As in textual inversion (Gal et al., ICLR 2023, https://arxiv.org/abs/2208.01618) a code is an embedding that the
denoiser attends to, one for each level. The pipeline pads every prompt to one length; the codes stand in the last
places of it, behind the title's words, so that guidance's two halves have one length:

.. math:: e_{N - L + l} \leftarrow b_l + E_l[c_l], \qquad p \leftarrow p + \sum_l P_l[c_l]

with the tables :math:`E, P` at zero before training. :math:`b_l` is what stood there, and in pipelines that mask
padding, where it says nothing, the mean of the title's own embeddings; the place of a known code is attended to.
:math:`p` is the pooled vector, where there is one. A code of -1 leaves its place as it is: **no code is the plain
prompt's picture, bit for bit**.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generation.personalization.dppmg.pictures.inject import PICTURE_LEVELS, CodeTables
from generation.personalization.dppmg.pictures.public.config import PipelineConfig
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.generators import Beginning, DiffusersGenerator
from generation.personalization.icg.public.prompts import encode
from generation.personalization.low_rank import add_lora

READING = r".*(attn2\.(to_k|to_v)|attn\.(add_k_proj|add_v_proj))"
"""Layers that LoRA tunes: keys and values of the prompt, in cross-attention or in a joint attention's text stream."""


class CodedPipeline(nn.Module):
    """A pipeline, and what codes add to its prompts.

    Parameters
    ----------
    config
        Sizes and tuning.
    generator
        Loaded with its text encoders.
    """

    def __init__(self, config: PipelineConfig, generator: DiffusersGenerator) -> None:
        super().__init__()
        self.config, self.generator = config, generator
        self.tokens = CodeTables(generator.spec.width)
        self.pooled = None if generator.spec.pooled is None else CodeTables(generator.spec.pooled)
        self.denoiser, self.vae = generator.denoiser, generator.vae
        self.text = nn.ModuleList(generator.text_encoders)
        if config.low_rank:
            add_lora(self.denoiser, READING, config.low_rank)

    @classmethod
    def load_base(cls, config: PipelineConfig) -> "CodedPipeline":
        """A fresh model over the pipeline that the configuration names.

        Raises
        ------
        OSError
            The pipeline or a part of it is not here, and downloads are not allowed.
        ValueError
            It has no text encoder, or is to begin from a cover and has no image-to-image form.
        """
        generator = DiffusersGenerator.load(
            config.generator, allow_download=config.allow_download, dtype=getattr(torch, config.dtype), text=True
        )
        if not generator.text_encoders:
            raise ValueError(f"{config.generator} has no text encoder: DPPMG's codes stand beside an encoded title")
        if config.strength < 1:
            _ = generator.image_pipeline
        return cls(config, generator)

    def forward(self, plain: PromptEmbeds, codes: Tensor) -> PromptEmbeds:
        """A conditioning with codes.

        Parameters
        ----------
        plain
            Of B titles.
        codes
            (B, 3 or more) int64, -1 for none.
        """
        codes = codes[:, :PICTURE_LEVELS]
        known, embeds, mask = codes.ge(0), plain.prompt_embeds.float(), plain.prompt_attention_mask
        words, places = embeds[:, :-PICTURE_LEVELS], embeds[:, -PICTURE_LEVELS:]
        base = places
        if mask is not None:
            padding = mask[:, -PICTURE_LEVELS:, None].eq(0)
            base = torch.where(padding, _mean_of_words(embeds, mask), places)
            opened = torch.where(known, torch.ones_like(mask[:, -PICTURE_LEVELS:]), mask[:, -PICTURE_LEVELS:])
            mask = torch.cat([mask[:, :-PICTURE_LEVELS], opened], dim=1)
        told = torch.where(known[..., None], base + torch.stack(self.tokens.levels(codes), dim=1), places)
        return PromptEmbeds(
            prompt_embeds=torch.cat([words, told], dim=1),
            pooled_prompt_embeds=self._pooled(plain.pooled_prompt_embeds, codes),
            prompt_attention_mask=mask,
        )

    def _pooled(self, plain: Tensor | None, codes: Tensor) -> Tensor | None:
        if plain is None or self.pooled is None:
            return plain
        return torch.where(codes.ge(0).any(1, keepdim=True), plain.float() + self.pooled(codes), plain.float())

    def trainable(self) -> dict[str, nn.Parameter]:
        """What training moves, by name: the tables and LoRA."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    @torch.no_grad()
    def paint(
        self,
        titles: Sequence[str],
        codes: NDArray[np.integer[Any]],
        *,
        seeds: Sequence[int],
        steps: int,
        size: tuple[int, int],
        guidance: float = 1.0,
        covers: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """(B, height, width, 3) uint8 RGB.

        Parameters
        ----------
        titles
            B of them.
        codes
            (B, 3 or more), -1 for none.
        seeds
            B of them.
        steps
            Evaluations of the denoiser.
        size
            Width and height, pixels.
        guidance
            The pipeline's own, away from the empty prompt; 1 is off.
        covers
            (B, H, W, 3) uint8 RGB to begin from, where ``strength`` is under 1.
        """
        prompts = encode(self.generator, titles)
        told = self(prompts.titles, torch.from_numpy(np.asarray(codes, np.int64)).to(self.denoiser.device))
        beginning = None
        if self.config.strength < 1 and covers is not None:
            beginning = Beginning(pictures=covers, strength=self.config.strength)
        return self.generator.paint(
            told, seeds=seeds, steps=steps, size=size, guidance=guidance, negative=prompts.nothing, beginning=beginning
        )


def _mean_of_words(embeds: Tensor, mask: Tensor) -> Tensor:
    """(B, 1, width) mean of the places that are attended to."""
    weight = mask[..., None].to(embeds)
    return (embeds * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
