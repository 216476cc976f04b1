"""Memory from configurations: what is counted is what loads, and what is worked out follows the canvas."""

import json

import pytest
import torch

from conf.errors import UsageError
from conf.settings import Settings
from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.pipeline.memory import largest_layer, plan_memory, table, total_bytes
from tests.support.models import tiny_generators, tiny_language


def settings(folder, **generation):
    given = {"adapters": {"profile": str(folder)}, "canvas": "64x64", "max_batch": 2, "guidance": 3.0, **generation}
    return Settings(generation=given)


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_parameters_are_those_that_load_and_no_weight_is_read(tmp_path, family):
    folder = tiny_language.make_pipeline(family, tmp_path)
    loaded = DiffusersGenerator.load(str(folder), allow_download=False, dtype=torch.float32, text=True)
    wanted = {
        name: sum(weight.numel() for weight in part.parameters())
        for name, part in loaded.pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    parts = plan_memory(settings(folder), gpu=False)
    assert {part.name: part.parameters for part in parts} == wanted
    assert all(part.weight_bytes == 4 * part.parameters for part in parts)
    assert {part.name for part in parts if part.peak_bytes} == {"vae", "unet" if "unet" in wanted else "transformer"}
    halved = plan_memory(settings(folder), gpu=True)
    assert [2 * part.weight_bytes for part in halved] == [part.weight_bytes for part in parts]
    assert total_bytes(parts) > sum(part.weight_bytes for part in parts)
    assert [row[:2] for row in table(parts)] == [("profile", part.name) for part in parts]


def test_a_larger_canvas_and_a_larger_batch_take_more(tmp_path):
    folder = tiny_language.make_pipeline("sdxl", tmp_path)

    def decoder(**generation):
        return next(
            part.peak_bytes for part in plan_memory(settings(folder, **generation), gpu=False) if part.name == "vae"
        )

    assert decoder(canvas="64x128") == decoder(max_batch=4) == 2 * decoder()
    assert decoder(canvas=["32x32", "64x64"]) == decoder()


def test_the_largest_layer_is_at_least_its_tensors():
    network = torch.nn.Sequential(torch.nn.Linear(4, 1000), torch.nn.ReLU(), torch.nn.Linear(1000, 2))
    with largest_layer(network) as found:
        network(torch.zeros(3, 4))
    assert found() == 2 * 2 * 3 * 1000 * 4  # what goes into the middle layer and what comes out, and as much again


def test_the_networks_of_stable_diffusion_have_their_published_sizes():
    """859.5 M parameters in the denoiser and 83.7 M in the autoencoder, as its model card and the literature say."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.device("meta"):
        denoiser = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
        decoder = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
        )
    sizes = [sum(weight.numel() for weight in network.parameters()) / 1e6 for network in (denoiser, decoder)]
    assert sizes == pytest.approx([859.5, 83.7], abs=0.1)
    with largest_layer(decoder) as found, torch.no_grad():
        decoder.decode(torch.zeros((1, 4, 64, 64), device="meta"))
    assert found() == 2 * (256 + 128) * 512 * 512 * 4 or found() == 2 * 2 * 256 * 512 * 512 * 4


def test_the_built_in_generator_needs_no_plan_and_missing_checkpoints_are_named(tmp_path):
    assert plan_memory(Settings(), gpu=False) == []
    absent = Settings(
        generation={"method": "icg", "beside": ()}, icg={"generator": str(tmp_path / "none"), "mllm": None}
    )
    with pytest.raises(UsageError, match="configurations alone"):
        plan_memory(absent, gpu=False)
    assert json.loads("[]") == table([])
