"""Any text-to-image pipeline of ``diffusers`` that takes ``prompt_embeds``, without its text encoders.

Painting is the pipeline's own; for training, the denoiser is called directly and its answer
turned into an estimate of the clean latents, whatever it predicts (noise, v or a flow).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.diffusion.process import Schedule
from generation.personalization.icg.adapter import ConditioningSpec, PromptEmbeds
from generation.personalization.icg.public.mllm import local_folder

TEXT_PARTS = ("text_encoder", "tokenizer", "feature_extractor", "image_encoder", "safety_checker")
"""Components of a pipeline that are not loaded; numbered ones too."""
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
"""Layers that LoRA tunes; every denoiser of ``diffusers`` names them so."""
FLUX_GUIDANCE = 3.5
"""What distilled Flux is told where it takes guidance as an input; the pipeline's own default."""


class DiffusersGenerator:
    """A pipeline with its denoiser in reach.

    Parameters
    ----------
    pipeline
        Text encoders may be None.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.denoiser = pipeline.unet if getattr(pipeline, "unet", None) is not None else pipeline.transformer
        self.vae = pipeline.vae
        for part in (self.denoiser, self.vae):
            part.eval().requires_grad_(False)
        self.spec = ConditioningSpec.of(self.denoiser)
        pipeline.set_progress_bar_config(disable=True)

    @classmethod
    def load(cls, source: str, *, allow_download: bool, dtype: torch.dtype) -> "DiffusersGenerator":
        """From a local folder or hub id; safetensors only, and no text encoder.

        Raises
        ------
        FileNotFoundError
            Nothing of that name is here, and downloads are not allowed.
        """
        from diffusers import DiffusionPipeline

        folder = local_folder(source, allow_download=allow_download)
        parts = DiffusionPipeline.load_config(folder, local_files_only=True)
        left_out = {name: None for name in parts if name.rstrip("_0123456789") in TEXT_PARTS}
        pipeline = DiffusionPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, **left_out
        )
        return cls(pipeline)

    @property
    def flow(self) -> bool:
        """Whether the denoiser predicts a flow's velocity."""
        config = self.pipeline.scheduler.config
        named = type(self.pipeline.scheduler).__name__.startswith("FlowMatch")
        return named or config.get("prediction_type") == "flow_prediction" or bool(config.get("use_flow_sigmas"))

    def schedule(self, steps: int) -> Schedule:
        """The path of training; painting uses the pipeline's own scheduler."""
        if self.flow:
            config = self.pipeline.scheduler.config
            return Schedule.flow(steps, shift=float(config.get("shift") or config.get("flow_shift") or 1.0))
        return Schedule.variance_preserving(steps, self.pipeline.scheduler.alphas_cumprod)

    def latent_shape(self, size: int) -> tuple[int, int, int]:
        """Shape of one row of latents for square pictures of ``size`` pixels."""
        channels = int(self.vae.config.latent_channels)
        side = size // self._downscale
        return channels, side, side

    @property
    def _downscale(self) -> int:
        return int(self.pipeline.vae_scale_factor)

    def predict_clean(self, x: Tensor, schedule: Schedule, step: int, conditioning: PromptEmbeds) -> Tensor:
        """The denoiser's estimate of the clean latents, (B, C, H, W) float32."""
        dtype = self.denoiser.dtype
        timestep = torch.full((len(x),), schedule.timesteps[step], dtype=dtype, device=x.device)
        call = Call(x.to(dtype), timestep, conditioning.to(dtype))
        answer = CALLS[self.spec.family](self, call).float()
        alpha, sigma = schedule.alphas[step], schedule.sigmas[step]
        if self.flow:
            return x - sigma * answer
        if self.pipeline.scheduler.config.prediction_type == "v_prediction":
            return alpha * x - sigma * answer
        return (x - sigma * answer) / alpha

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [0, 1] of latents; differentiable."""
        config = self.vae.config
        scaled = latents / config.scaling_factor + (config.get("shift_factor") or 0.0)
        pixels: Tensor = self.vae.decode(scaled.to(self.vae.dtype), return_dict=False)[0].float()
        return (pixels / 2 + 0.5).clamp(0, 1)

    @torch.no_grad()
    def paint(
        self,
        conditioning: PromptEmbeds,
        *,
        seeds: Sequence[int],
        steps: int,
        size: int,
        guidance: float = 1.0,
        negative: PromptEmbeds | None = None,
    ) -> NDArray[np.uint8]:
        """Pictures by the pipeline's own call, (B, size, size, 3) uint8.

        Parameters
        ----------
        guidance
            1 is off; above it, ``negative`` says what to move away from.
        """
        scale = "true_cfg_scale" if self.spec.family == "flux" else "guidance_scale"
        arguments: dict[str, Any] = {scale: guidance, **conditioning.to(self.denoiser.dtype).arguments()}
        if self.spec.mask:
            arguments |= {"negative_prompt": None, "use_resolution_binning": False, "clean_caption": False}
        if guidance != 1 and negative is not None:
            arguments |= negative.to(self.denoiser.dtype).arguments(negative=True)
        painted = self.pipeline(
            num_inference_steps=steps,
            height=size,
            width=size,
            generator=[torch.Generator().manual_seed(int(seed)) for seed in seeds],
            output_type="np",
            **arguments,
        ).images
        return np.asarray((np.asarray(painted) * 255).round(), np.uint8)


@dataclass(frozen=True)
class Call:
    """One evaluation of a denoiser."""

    x: Tensor
    """(B, C, H, W)"""
    timestep: Tensor
    """(B,) from 0 to 1000"""
    conditioning: PromptEmbeds


def _stable_diffusion(generator: DiffusersGenerator, call: Call) -> Tensor:
    answer: Tensor = generator.denoiser(
        call.x, call.timestep, encoder_hidden_states=call.conditioning.prompt_embeds, return_dict=False
    )[0]
    return answer


def _sdxl(generator: DiffusersGenerator, call: Call) -> Tensor:
    size = call.x.shape[-1] * generator._downscale
    numbers = torch.tensor([[size, size, 0, 0, size, size]], dtype=call.x.dtype, device=call.x.device)
    extra = {
        "text_embeds": call.conditioning.pooled_prompt_embeds,
        "time_ids": numbers.expand(len(call.x), -1),
    }
    answer: Tensor = generator.denoiser(
        call.x,
        call.timestep,
        encoder_hidden_states=call.conditioning.prompt_embeds,
        added_cond_kwargs=extra,
        return_dict=False,
    )[0]
    return answer


def _masked(generator: DiffusersGenerator, call: Call) -> Tensor:
    """PixArt and SANA; PixArt predicts a variance too, which is left out."""
    sana = generator.spec.family == "sana"
    scale = float(generator.denoiser.config.timestep_scale) if sana else 1.0
    extra = {} if sana else {"added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}
    answer: Tensor = generator.denoiser(
        call.x,
        encoder_hidden_states=call.conditioning.prompt_embeds,
        encoder_attention_mask=call.conditioning.prompt_attention_mask,
        timestep=call.timestep * scale,
        return_dict=False,
        **extra,
    )[0]
    return answer[:, : call.x.shape[1]]


def _stable_diffusion_3(generator: DiffusersGenerator, call: Call) -> Tensor:
    answer: Tensor = generator.denoiser(
        hidden_states=call.x,
        timestep=call.timestep,
        encoder_hidden_states=call.conditioning.prompt_embeds,
        pooled_projections=call.conditioning.pooled_prompt_embeds,
        return_dict=False,
    )[0]
    return answer


def _flux(generator: DiffusersGenerator, call: Call) -> Tensor:
    """Latents go in packed by 2 x 2, timesteps from 0 to 1, tokens with their (zero) ids."""
    rows, channels, height, width = call.x.shape
    pipeline = generator.pipeline
    ids = pipeline._prepare_latent_image_ids(rows, height // 2, width // 2, call.x.device, call.x.dtype)
    told = generator.denoiser.config.guidance_embeds
    answer = generator.denoiser(
        hidden_states=pipeline._pack_latents(call.x, rows, channels, height, width),
        timestep=call.timestep / 1000,
        guidance=call.timestep.new_full((rows,), FLUX_GUIDANCE) if told else None,
        pooled_projections=call.conditioning.pooled_prompt_embeds,
        encoder_hidden_states=call.conditioning.prompt_embeds,
        txt_ids=call.conditioning.text_ids,
        img_ids=ids,
        return_dict=False,
    )[0]
    downscale = generator._downscale
    unpacked: Tensor = pipeline._unpack_latents(answer, height * downscale, width * downscale, downscale)
    return unpacked


CALLS: dict[str, Callable[[DiffusersGenerator, Call], Tensor]] = {
    "stable-diffusion": _stable_diffusion,
    "sdxl": _sdxl,
    "pixart": _masked,
    "sana": _masked,
    "stable-diffusion-3": _stable_diffusion_3,
    "flux": _flux,
}
"""How each family's denoiser is called."""
