"""Pipelines of every family with tiny random weights, saved as ``diffusers`` saves them; no text encoders."""

import json

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

SIZE = 32
"""Pixels of a painted picture; the decoders enlarge by 2."""


def vae(**more):
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=SIZE,
        layers_per_block=1,
        **more,
    )


def unet(**more):
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=12,
        attention_head_dim=2,
        norm_num_groups=4,
        **more,
    )


def noise_schedule(kind, **more):
    sizes = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return kind(**sizes, timestep_spacing="trailing", steps_offset=1, **more)


def stable_diffusion(folder):
    text = {"text_encoder": None, "tokenizer": None, "safety_checker": None, "feature_extractor": None}
    pipeline = StableDiffusionPipeline(
        vae=vae(),
        unet=unet(),
        scheduler=noise_schedule(DDIMScheduler, clip_sample=False),
        requires_safety_checker=False,
        **text,
    )
    save(pipeline, folder)


def sdxl(folder):
    network = unet(
        addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=6 * 4 + 20
    )
    text = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
    save(
        StableDiffusionXLPipeline(
            vae=vae(), unet=network, scheduler=noise_schedule(EulerDiscreteScheduler), add_watermarker=False, **text
        ),
        folder,
    )


def pixart(folder):
    network = PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=1,
        cross_attention_dim=16, sample_size=16, patch_size=2, caption_channels=12, norm_num_groups=4,
        use_additional_conditions=False,
    )  # fmt: skip
    save(
        PixArtAlphaPipeline(
            tokenizer=None,
            text_encoder=None,
            vae=vae(),
            transformer=network,
            scheduler=noise_schedule(DDIMScheduler, clip_sample=False),
        ),
        folder,
    )


def sana(folder):
    network = SanaTransformer2DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=1,
        num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=12,
        sample_size=16, patch_size=1,
    )  # fmt: skip
    decoder = AutoencoderDC(
        latent_channels=4, encoder_block_types=("ResBlock",) * 2, decoder_block_types=("ResBlock",) * 2,
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1), encoder_qkv_multiscales=((), ()), decoder_qkv_multiscales=((), ()),
        upsample_block_type="interpolate",
    )  # fmt: skip
    save(
        SanaPipeline(
            tokenizer=None, text_encoder=None, vae=decoder, transformer=network,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        ),
        folder,
    )  # fmt: skip


def stable_diffusion_3(folder):
    network = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=12, caption_projection_dim=16, pooled_projection_dim=20,
        pos_embed_max_size=32,
    )  # fmt: skip
    text = dict.fromkeys(f"{part}{number}" for part in ("text_encoder", "tokenizer") for number in ("", "_2", "_3"))
    save(
        StableDiffusion3Pipeline(
            transformer=network, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=vae(shift_factor=0.1), **text
        ),
        folder,
    )


def flux(folder):
    network = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=12, pooled_projection_dim=20, guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    text = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
    scheduler = FlowMatchEulerDiscreteScheduler()
    save(FluxPipeline(scheduler=scheduler, vae=vae(shift_factor=0.1), transformer=network, **text), folder)


def save(pipeline, folder):
    pipeline.save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    for name, value in index.items():  # as a real checkpoint, which does name its text encoders
        if value == [None, None] and name.startswith(("text_encoder", "tokenizer")):
            index[name] = ["transformers", "CLIPTextModel" if name.startswith("text") else "CLIPTokenizer"]
    (folder / "model_index.json").write_text(json.dumps(index))


GENERATORS = {
    "stable-diffusion": stable_diffusion,
    "sdxl": sdxl,
    "pixart": pixart,
    "sana": sana,
    "stable-diffusion-3": stable_diffusion_3,
    "flux": flux,
}


def make(family, folder):
    torch.manual_seed(2)
    GENERATORS[family](folder)
    return folder
