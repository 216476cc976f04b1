"""ICG over public checkpoints: a multimodal model, meta tokens, refinement, connector, generator.

After "ICG" (EMNLP 2025); its authors published no code. One module end to end: a reward's
gradient runs from the pixels through the decoder, the denoiser, the connector and the
refinement to the meta tokens, and where LoRA is set, into the two base models. Their own
weights never move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generation.diffusion.process import Schedule, Start
from generation.personalization.icg.adapter import Connector, PromptEmbeds
from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.public.generators import ATTENTION, DiffusersGenerator
from generation.personalization.icg.public.mllm import (
    LANGUAGE_ATTENTION,
    Inputs,
    MetaTokens,
    load_mllm,
    load_processor,
    prepare,
)
from generation.personalization.icg.refine import Refinement
from generation.personalization.low_rank import add_lora


@dataclass(frozen=True, kw_only=True)
class IcgBatch:
    """What a batch is painted from."""

    inputs: Inputs
    """Of the multimodal model: titles and reference covers."""
    preference: Tensor
    """(B, user_dim) of users or of segments; zeros are nobody in particular."""


class Icg(nn.Module):
    """The whole model.

    Parameters
    ----------
    config
        Sizes and tuning.
    mllm
        An image-text-to-text model of ``transformers``.
    generator
        A pipeline of ``diffusers``.
    processor
        Of the multimodal model; needed by :meth:`batch` only.
    """

    def __init__(self, config: IcgConfig, mllm: Any, generator: DiffusersGenerator, processor: Any = None) -> None:
        super().__init__()
        self.config = config
        self.processor = processor
        self.metas = MetaTokens(mllm, config.meta_tokens)
        self.reduce = nn.Linear(self.metas.width, config.width)
        self.refine = Refinement(config.width, config.user_dim, embedding_dim=config.embedding_dim)
        self.connector = Connector(config.width, generator.spec, width=config.width, layers=config.layers)
        self.generator = generator
        self.denoiser, self.vae = generator.denoiser, generator.vae
        if config.mllm_tuning == "lora":
            add_lora(self.metas.base, LANGUAGE_ATTENTION, config.lora_rank)
        if config.generator_tuning == "lora":
            add_lora(self.denoiser, ATTENTION, config.lora_rank)

    @classmethod
    def load_bases(cls, config: IcgConfig) -> "Icg":
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

    def batch(self, titles: Sequence[str], pictures: NDArray[np.uint8], preference: NDArray[np.float32]) -> IcgBatch:
        """B titles, (B, H, W, 3) reference covers and (B, user_dim) preferences, ready to go in."""
        device = self.metas.queries.device
        inputs = prepare(self.processor, titles, pictures, instruction=self.config.instruction)
        return IcgBatch(
            inputs={name: value.to(device) for name, value in inputs.items()},
            preference=torch.from_numpy(np.asarray(preference, np.float32)).to(device),
        )

    def forward(self, batch: IcgBatch) -> PromptEmbeds:
        """The conditioning of a batch."""
        reduced = self.reduce(self.metas(batch.inputs))
        conditioning: PromptEmbeds = self.connector(self.refine(reduced, batch.preference))
        return conditioning

    def trainable(self) -> dict[str, nn.Parameter]:
        """What training moves, by name: queries, refinement, connector and LoRA."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    @torch.no_grad()
    def paint(
        self, batch: IcgBatch, *, seeds: Sequence[int], steps: int, size: tuple[int, int], guidance: float = 1.0
    ) -> NDArray[np.uint8]:
        """(B, height, width, 3) uint8 of a size (width, height); guidance moves away from unpersonalised covers."""
        negative = None
        if guidance != 1:
            negative = self(IcgBatch(inputs=batch.inputs, preference=torch.zeros_like(batch.preference)))
        return self.generator.paint(
            self(batch), seeds=seeds, steps=steps, size=size, guidance=guidance, negative=negative
        )

    # What alignment asks of a generator (generation.alignment.base.Generator).

    def schedule(self, steps: int) -> Schedule:
        """The generator's path."""
        return self.generator.schedule(steps)

    def start(self, batch: IcgBatch, noise: Tensor) -> Start:
        """Pure noise."""
        return Start(x=noise)

    def condition(self, batch: IcgBatch) -> PromptEmbeds:
        """The conditioning of a batch."""
        conditioning: PromptEmbeds = self(batch)
        return conditioning

    def predict_clean(
        self, x: Tensor, schedule: Schedule, step: int, _batch: IcgBatch, conditioning: PromptEmbeds
    ) -> Tensor:
        """The denoiser's estimate of the clean latents."""
        return self.generator.predict_clean(x, schedule, step, conditioning)

    def decode(self, x: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [0, 1]."""
        return self.generator.decode(x)
