"""What a pipeline's own text encoders say of titles, and of the empty prompt that guidance moves away from."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.generators import DiffusersGenerator

_TWO = ("prompt_embeds", "negative_prompt_embeds")
_POOLED = (*_TWO, "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
_MASKED = ("prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask")
ANSWERS = {
    "stable-diffusion": _TWO,
    "sdxl": _POOLED,
    "pixart": _MASKED,
    "sana": _MASKED,
    "stable-diffusion-3": _POOLED,
    "flux": ("prompt_embeds", "pooled_prompt_embeds"),
}
"""What ``encode_prompt`` of each family answers, in its order."""
NEGATIVE = "negative_"


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Conditioning of B titles."""

    titles: PromptEmbeds
    nothing: PromptEmbeds
    """(B, ...) of the empty prompt, as the pipeline says it."""


@torch.no_grad()
def encode(generator: DiffusersGenerator, titles: Sequence[str]) -> Prompts:
    """Conditioning of titles by the pipeline's own encoders, padded and cut as it does.

    Parameters
    ----------
    generator
        Loaded with its text encoders.
    titles
        B of them.
    """
    told = _asked(generator, titles)
    if generator.spec.family == "flux":  # its guidance is true guidance only where a second prompt is given
        told |= {NEGATIVE + name: value for name, value in _asked(generator, [""] * len(titles)).items()}
    return Prompts(titles=_named(told, ""), nothing=_named(told, NEGATIVE))


def _asked(generator: DiffusersGenerator, texts: Sequence[str]) -> dict[str, Any]:
    pipeline = generator.pipeline
    wanted = {
        "prompt_2": None,
        "prompt_3": None,
        "num_images_per_prompt": 1,
        "do_classifier_free_guidance": True,
        "device": generator.denoiser.device,
    }
    taken = inspect.signature(pipeline.encode_prompt).parameters
    answers = pipeline.encode_prompt(
        prompt=list(texts), **{name: value for name, value in wanted.items() if name in taken}
    )
    names = ANSWERS[generator.spec.family]
    return dict(zip(names, answers[: len(names)], strict=True))


def _named(told: dict[str, Any], prefix: str) -> PromptEmbeds:
    names = ("prompt_embeds", "pooled_prompt_embeds", "prompt_attention_mask")
    return PromptEmbeds(**{name: told[prefix + name] for name in names if prefix + name in told})
