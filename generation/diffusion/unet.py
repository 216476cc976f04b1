"""The UNet of the built-in generator, in diffusers' own class and format.

It works on 2 x 2 space-to-depth pixels: a 64 x 64 RGB picture is (12, 32, 32), and the
reference cover is concatenated as 12 more channels, so no VAE is needed and nothing is
lost before the first layer.
"""

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

PIXELS = 12
"""Channels of a picture after 2 x 2 space-to-depth."""


def to_planes(pixels: Tensor) -> Tensor:
    """(B, 3, 64, 64) in [-1, 1] -> (B, 12, 32, 32)."""
    return F.pixel_unshuffle(pixels, 2)


def to_pixels(planes: Tensor) -> Tensor:
    """(B, 12, 32, 32) -> (B, 3, 64, 64)."""
    return F.pixel_shuffle(planes, 2)


def build_unet(
    *, channels: tuple[int, int, int] = (48, 96, 192), layers: int = 1, width: int = 192
) -> UNet2DConditionModel:
    """A fresh UNet: attention at 8 x 8, adaptive group normalisation by time and preference."""
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=2 * PIXELS,
        out_channels=2 * PIXELS,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        block_out_channels=channels,
        layers_per_block=layers,
        cross_attention_dim=width,
        attention_head_dim=4,  # diffusers' name for the number of heads
        norm_num_groups=16,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=width,
        resnet_time_scale_shift="scale_shift",
    )
    plain_attention(unet)
    return unet


def plain_attention(unet: UNet2DConditionModel) -> None:
    """Attention by matrix products: at 64 places torch's fused CPU kernel takes four times as long in bfloat16."""
    unet.set_attn_processor(AttnProcessor())


def predict_clean(
    unet: UNet2DConditionModel, noisy: Tensor, sigma: Tensor, reference: Tensor, tokens: Tensor, pooled: Tensor
) -> Tensor:
    """The UNet's estimate of the clean picture.

    Parameters
    ----------
    unet
        From :func:`build_unet`.
    noisy, reference
        (B, 12, 32, 32) planes.
    sigma
        (B,) in (0, 1]: 1 is the start of the bridge.
    tokens, pooled
        From :class:`~generation.diffusion.conditioning.ConditioningAdapter`.

    Returns
    -------
    Tensor
        (B, 12, 32, 32): fresh paint and the reference, blended by a mask that the network paints too
        (after GANimation, Pumarola et al., ECCV 2018), so that neither copying nor repainting is the default.
    """
    paint, keep = unet(
        torch.cat([noisy, reference], dim=1),
        sigma * 1000,
        encoder_hidden_states=tokens,
        class_labels=pooled,
        return_dict=False,
    )[0].chunk(2, dim=1)
    estimate: Tensor = paint + torch.sigmoid(keep) * (reference - paint)
    return estimate
