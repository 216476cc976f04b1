"""Any text-to-image pipeline of ``diffusers`` that takes ``prompt_embeds``, with or without its text encoders.

Painting is the pipeline's own; for training, the denoiser is called directly and its answer
turned into an estimate of the clean latents, whatever it predicts (noise, v or a flow).
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from generation.diffusion.process import Schedule
from generation.personalization.icg.adapter import ConditioningSpec, PromptEmbeds
from generation.personalization.icg.public.mllm import local_folder

TEXT_PARTS = ("text_encoder", "tokenizer")
"""Components of a pipeline that encode a prompt; numbered ones too. Not loaded where nothing asks for words."""
UNUSED_PARTS = ("feature_extractor", "image_encoder", "safety_checker")
"""Components that are never loaded."""
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
"""Layers that LoRA tunes; every denoiser of ``diffusers`` names them so."""
FLUX_GUIDANCE = 3.5
"""What distilled Flux is told where it takes guidance as an input; the pipeline's own default."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Pictures that painting begins from, in place of noise alone."""

    pictures: NDArray[np.uint8]
    """(B, H, W, 3) RGB."""
    strength: float
    """How far along the path to noise it begins: 1 is noise alone."""

    def resized(self, size: tuple[int, int]) -> list[Image.Image]:
        """The pictures at a width and height in pixels."""
        return [Image.fromarray(each).resize(size, Image.Resampling.LANCZOS) for each in self.pictures]


def path_length(steps: int, strength: float) -> int:
    """Steps of a whole path of which the share ``strength`` is ``steps``.

    Examples
    --------
    >>> path_length(3, 0.6), path_length(4, 1.0)
    (5, 4)
    """
    return math.ceil(steps / strength)


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
        for part in (self.denoiser, self.vae, *self.text_encoders):
            part.eval().requires_grad_(False)
        self.spec = ConditioningSpec.of(self.denoiser)
        pipeline.set_progress_bar_config(disable=True)

    @classmethod
    def load(cls, source: str, *, allow_download: bool, dtype: torch.dtype, text: bool = False) -> "DiffusersGenerator":
        """From a local folder or hub id; safetensors only, and text encoders only with ``text``.

        Raises
        ------
        FileNotFoundError
            Nothing of that name is here, and downloads are not allowed.
        """
        from diffusers import DiffusionPipeline

        folder = local_folder(source, allow_download=allow_download)
        parts = DiffusionPipeline.load_config(folder, local_files_only=True)
        unwanted = UNUSED_PARTS if text else (*UNUSED_PARTS, *TEXT_PARTS)
        left_out = {name: None for name in parts if name.rstrip("_0123456789") in unwanted}
        pipeline = DiffusionPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, **left_out
        )
        return cls(pipeline)

    @property
    def text_encoders(self) -> list[nn.Module]:
        """What encodes a prompt, in the pipeline's order; empty where it was loaded without."""
        parts = sorted(self.pipeline.components.items())
        return [part for name, part in parts if name.startswith(TEXT_PARTS[0]) and part is not None]

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

    def answer(self, x: Tensor, timestep: Tensor, conditioning: PromptEmbeds) -> Tensor:
        """What the denoiser says of latents (B, C, H, W) at timesteps (B,): noise, v or velocity, float32."""
        dtype = self.denoiser.dtype
        call = Call(x.to(dtype), timestep.to(dtype), conditioning.to(dtype))
        said: Tensor = CALLS[self.spec.family](self, call).float()
        return said

    @property
    def train_steps(self) -> int:
        """Timesteps of the path that the denoiser was trained on."""
        return int(self.pipeline.scheduler.config.num_train_timesteps)

    def predict_clean(self, x: Tensor, schedule: Schedule, step: int, conditioning: PromptEmbeds) -> Tensor:
        """The denoiser's estimate of the clean latents, (B, C, H, W) float32."""
        answer = self.answer(x, torch.full((len(x),), schedule.timesteps[step], device=x.device), conditioning)
        alpha, sigma = schedule.alphas[step], schedule.sigmas[step]
        if self.flow:
            return x - sigma * answer
        if self.pipeline.scheduler.config.prediction_type == "v_prediction":
            return alpha * x - sigma * answer
        return (x - sigma * answer) / alpha

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of pixels (B, 3, H, W) in [0, 1]: the middle of what the encoder gives."""
        config = self.vae.config
        given = self.vae.encode((pixels * 2 - 1).to(self.vae.device, self.vae.dtype))
        latents: Tensor = given.latent if hasattr(given, "latent") else given.latent_dist.mode()
        scaled: Tensor = (latents.float() - (config.get("shift_factor") or 0.0)) * config.scaling_factor
        return scaled

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [0, 1] of latents; differentiable."""
        config = self.vae.config
        scaled = latents / config.scaling_factor + (config.get("shift_factor") or 0.0)
        pixels: Tensor = self.vae.decode(scaled.to(self.vae.dtype), return_dict=False)[0].float()
        return (pixels / 2 + 0.5).clamp(0, 1)

    @cached_property
    def image_pipeline(self) -> Any:
        """The pipeline in its image-to-image form, over the same networks.

        Raises
        ------
        ValueError
            ``diffusers`` has none of this family.
        """
        from diffusers import AutoPipelineForImage2Image

        if self.spec.mask:
            raise ValueError(f"a {self.spec.family} pipeline has no image-to-image form: give strength 1")
        pipeline = AutoPipelineForImage2Image.from_pipe(self.pipeline)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    @torch.no_grad()
    def paint(
        self,
        conditioning: PromptEmbeds,
        *,
        seeds: Sequence[int],
        steps: int,
        size: tuple[int, int],
        guidance: float = 1.0,
        negative: PromptEmbeds | None = None,
        beginning: Beginning | None = None,
    ) -> NDArray[np.uint8]:
        """Pictures by the pipeline's own call, (B, height, width, 3) uint8.

        Parameters
        ----------
        steps
            Evaluations of the denoiser for a picture, whatever it begins from.
        size
            Width and height, pixels.
        guidance
            1 is off; above it, ``negative`` says what to move away from.
        beginning
            Pictures to begin from; None begins from noise.
        """
        scale = "true_cfg_scale" if self.spec.family == "flux" else "guidance_scale"
        arguments: dict[str, Any] = {scale: guidance, **conditioning.to(self.denoiser.dtype).arguments()}
        if self.spec.mask:
            arguments |= {"negative_prompt": None, "use_resolution_binning": False, "clean_caption": False}
        if guidance != 1 and negative is not None:
            arguments |= negative.to(self.denoiser.dtype).arguments(negative=True)
        pipeline = self.pipeline
        if beginning is not None:
            pipeline, steps = self.image_pipeline, path_length(steps, beginning.strength)
            arguments |= {"image": beginning.resized(size), "strength": beginning.strength}
        if "height" in inspect.signature(pipeline.__call__).parameters:
            arguments |= {"width": size[0], "height": size[1]}
        painted = pipeline(
            num_inference_steps=steps,
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
    height, width = (side * generator._downscale for side in call.x.shape[-2:])
    numbers = torch.tensor([[height, width, 0, 0, height, width]], dtype=call.x.dtype, device=call.x.device)
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
