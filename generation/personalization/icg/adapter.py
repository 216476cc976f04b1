"""From refined meta tokens to what a diffusion model attends to in place of a text.

What that is differs between generators, and is read off the denoiser's configuration:

=================== ============================================================================
Stable Diffusion    ``prompt_embeds``
SDXL                ``prompt_embeds`` and ``pooled_prompt_embeds``
PixArt, SANA        ``prompt_embeds`` and ``prompt_attention_mask``
Stable Diffusion 3  a joint stream ``prompt_embeds`` and a pooled stream ``pooled_prompt_embeds``
Flux                the same two, and text ids (zeros, as the pipeline makes them)
=================== ============================================================================
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

FAMILIES = {
    "UNet2DConditionModel": "stable-diffusion",
    "PixArtTransformer2DModel": "pixart",
    "SanaTransformer2DModel": "sana",
    "SD3Transformer2DModel": "stable-diffusion-3",
    "FluxTransformer2DModel": "flux",
}
"""Class of the denoiser -> family; a UNet with text and time embeddings is SDXL's."""
TIME_IDS = 6
"""SDXL's six numbers about size and crop."""


@dataclass(frozen=True, kw_only=True)
class ConditioningSpec:
    """What a denoiser wants of a conditioning."""

    family: str
    width: int
    """Of a token."""
    pooled: int | None
    """Width of the pooled vector, or None."""
    mask: bool
    """Whether it takes an attention mask over the tokens."""

    @classmethod
    def of(cls, denoiser: Any) -> "ConditioningSpec":
        """Read off a denoiser of ``diffusers``.

        Raises
        ------
        ValueError
            A denoiser of a family that is not known here.
        """
        name, config = type(denoiser).__name__, denoiser.config
        family = FAMILIES.get(name)
        if family is None:
            raise ValueError(
                f"A generator with a {name} cannot be conditioned yet: known are {', '.join(sorted(FAMILIES))}"
            )
        if family == "stable-diffusion":
            if config.addition_embed_type != "text_time":
                return cls(family=family, width=config.cross_attention_dim, pooled=None, mask=False)
            pooled = config.projection_class_embeddings_input_dim - TIME_IDS * config.addition_time_embed_dim
            return cls(family="sdxl", width=config.cross_attention_dim, pooled=pooled, mask=False)
        if family in ("pixart", "sana"):
            return cls(family=family, width=config.caption_channels, pooled=None, mask=True)
        return cls(family=family, width=config.joint_attention_dim, pooled=config.pooled_projection_dim, mask=False)


@dataclass(frozen=True, kw_only=True)
class PromptEmbeds:
    """A conditioning, in the words of ``diffusers``' pipelines."""

    prompt_embeds: Tensor
    """(B, N, width)"""
    pooled_prompt_embeds: Tensor | None = None
    """(B, pooled)"""
    prompt_attention_mask: Tensor | None = None
    """(B, N) ones"""

    @property
    def text_ids(self) -> Tensor:
        """(N, 3) zeros: where the tokens are, for Flux."""
        return self.prompt_embeds.new_zeros(self.prompt_embeds.shape[1], 3)

    def to(self, dtype: torch.dtype) -> "PromptEmbeds":
        """The same in another floating-point type."""
        pooled = self.pooled_prompt_embeds
        return PromptEmbeds(
            prompt_embeds=self.prompt_embeds.to(dtype),
            pooled_prompt_embeds=None if pooled is None else pooled.to(dtype),
            prompt_attention_mask=self.prompt_attention_mask,
        )

    def arguments(self, *, negative: bool = False) -> dict[str, Tensor]:
        """Keywords of a pipeline's call; ``negative_...`` ones for what guidance moves away from."""
        named = {
            "prompt_embeds": self.prompt_embeds,
            "pooled_prompt_embeds": self.pooled_prompt_embeds,
            "prompt_attention_mask": self.prompt_attention_mask,
        }
        prefix = "negative_" if negative else ""
        return {prefix + name: value for name, value in named.items() if value is not None}


class Connector(nn.Module):
    """(B, N, inputs) refined meta tokens -> :class:`PromptEmbeds`.

    A small bidirectional transformer, then one projection a stream.

    Parameters
    ----------
    inputs
        Width of the meta tokens.
    spec
        What the generator wants.
    width, layers
        Of the transformer.
    """

    def __init__(self, inputs: int, spec: ConditioningSpec, *, width: int, layers: int, heads: int = 4) -> None:
        super().__init__()
        self.spec = spec
        self.enter = nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.mix = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.tokens = nn.Linear(width, spec.width)
        self.pooled = None if spec.pooled is None else nn.Linear(width, spec.pooled)

    def forward(self, tokens: Tensor) -> PromptEmbeds:
        """The conditioning."""
        mixed = self.mix(self.enter(tokens))
        return PromptEmbeds(
            prompt_embeds=self.tokens(mixed),
            pooled_prompt_embeds=None if self.pooled is None else self.pooled(mixed.mean(1)),
            prompt_attention_mask=torch.ones(mixed.shape[:2], device=mixed.device) if self.spec.mask else None,
        )
