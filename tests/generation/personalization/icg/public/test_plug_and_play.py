"""Every multimodal model with one generator, every generator with one multimodal model, on real code paths."""

import numpy as np
import pytest
import torch

from generation.diffusion.process import deterministic_step
from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.icg.public.mllm import load_mllm, load_processor, prepare
from generation.personalization.icg.public.model import Icg, IcgBatch
from generation.personalization.icg.public.store import load_config, load_icg, restore, save_icg
from tests.support.models import tiny_checkpoints, tiny_generators

PAIRS = [(mllm, "stable-diffusion") for mllm in tiny_checkpoints.MLLMS]
PAIRS += [("qwen2.5-vl", family) for family in tiny_generators.GENERATORS if family != "stable-diffusion"]
TITLES = ["red fox rocket", "pizza"]
POOLED = {"sdxl": 20, "stable-diffusion-3": 20, "flux": 20}
MASKED = ("pixart", "sana")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    torch.set_num_threads(1)
    made = {}

    def get(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("checkpoint") / name
            made[name].mkdir()
            if name in tiny_checkpoints.MLLMS:
                tiny_checkpoints.MLLMS[name](made[name])
            else:
                tiny_generators.make(name, made[name])
        return made[name]

    return get


def config_of(checkpoints, mllm, family, **more):
    sizes = {"meta_tokens": 5, "width": 16, "layers": 1, "lora_rank": 2}
    return IcgConfig(mllm=str(checkpoints(mllm)), generator=str(checkpoints(family)), **sizes, **more)


def bases(config):
    mllm = load_mllm(config.mllm, allow_download=False, dtype=torch.float32)
    return mllm, DiffusersGenerator.load(config.generator, allow_download=False, dtype=torch.float32)


def fresh(config):
    torch.manual_seed(3)
    return Icg(config, *bases(config)).eval()


def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)


def batch_of(checkpoints, mllm):
    preference = torch.randn(2, 160, generator=torch.Generator().manual_seed(4))
    if mllm in tiny_checkpoints.WITH_PROCESSOR:
        processor = load_processor(str(checkpoints(mllm)), allow_download=False)
        inputs = prepare(processor, TITLES, pictures(), instruction="describe {title}")
    else:
        inputs = tiny_checkpoints.inputs_of(mllm, TITLES, pictures())
    return IcgBatch(inputs=inputs, preference=preference)


def loss_of(model, batch):
    """Two steps from fixed noise; the second one's gradient goes all the way back. The reward wants red."""
    shape = model.generator.latent_shape(tiny_generators.SIZE)
    schedule, noise = model.schedule(2), torch.randn(2, *shape, generator=torch.Generator().manual_seed(5))
    condition = model.condition(batch)
    x = model.start(batch, noise).x
    with torch.no_grad():
        x = deterministic_step(schedule, 0, x, model.predict_clean(x, schedule, 0, batch, condition))
    pixels = model.decode(model.predict_clean(x, schedule, 1, batch, condition))
    assert pixels.shape == (2, 3, tiny_generators.SIZE, tiny_generators.SIZE)
    return (pixels[:, 1:].mean() - pixels[:, 0].mean()) + pixels.mean()


@pytest.mark.parametrize(("mllm", "family"), PAIRS)
def test_conditioned_trained_saved_and_painted_again(checkpoints, tmp_path, mllm, family):
    config = config_of(checkpoints, mllm, family)
    model, batch = fresh(config), batch_of(checkpoints, mllm)
    conditioning = model(batch)
    assert conditioning.prompt_embeds.shape == (2, 5, 12)
    pooled, mask = conditioning.pooled_prompt_embeds, conditioning.prompt_attention_mask
    assert (None if pooled is None else tuple(pooled.shape)) == ((2, POOLED[family]) if family in POOLED else None)
    assert (None if mask is None else tuple(mask.shape)) == ((2, 5) if family in MASKED else None)
    assert conditioning.text_ids.shape == (5, 3)

    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=5e-3, weight_decay=0.0)
    losses = []
    for _ in range(4):
        loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert {name.split(".")[0] for name in moved} == {"metas", "reduce", "refine", "connector"}
    assert {name for name in moved if name.startswith("metas")} == {"metas.queries"}

    painting = {"seeds": [7, 8], "steps": 2, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
    painted = model.paint(batch, **painting)
    assert painted.shape == (2, tiny_generators.SIZE, tiny_generators.SIZE, 3)
    save_icg(model, tmp_path)
    again = restore(Icg(load_config(tmp_path), *bases(config)), tmp_path)
    np.testing.assert_array_equal(again.paint(batch, **painting), painted)
    assert (fresh(config).paint(batch, **painting) != painted).any()


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_guidance_runs_in_every_pipeline(checkpoints, family):
    model, batch = fresh(config_of(checkpoints, "qwen2.5-vl", family)), batch_of(checkpoints, "qwen2.5-vl")
    with torch.no_grad():
        model.refine.film[-1].weight.normal_()  # an untrained refinement changes nothing
    painting = {"seeds": [7, 8], "steps": 2, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
    assert (model.paint(batch, guidance=4.0, **painting) != model.paint(batch, **painting)).any()


@pytest.mark.parametrize("mllm", list(tiny_checkpoints.MLLMS))
def test_lora_moves_and_base_weights_do_not(checkpoints, tmp_path, mllm):
    tuned = {"mllm_tuning": "lora", "generator_tuning": "lora"}
    config = config_of(checkpoints, mllm, "stable-diffusion", **tuned)
    model, batch = fresh(config), batch_of(checkpoints, mllm)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=1e-2)
    for _ in range(2):  # LoRA's second factor starts at zero, so the first moves a step later
        loss_of(model, batch).backward()
        optimizer.step()
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    for part in ("metas.base", "denoiser"):
        inside = {name for name in moved if name.startswith(part)}
        assert inside
        assert all("lora_" in name for name in inside)
    assert not any("vision" in name or "visual" in name for name in moved)
    save_icg(model, tmp_path)
    painting = {"seeds": [1, 2], "steps": 2, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
    again = restore(Icg(load_config(tmp_path), *bases(config)), tmp_path)
    np.testing.assert_array_equal(again.paint(batch, **painting), model.paint(batch, **painting))


@pytest.mark.parametrize("mllm", tiny_checkpoints.WITH_PROCESSOR)
def test_the_models_own_processor_and_independence_of_neighbours(checkpoints, mllm):
    config = config_of(checkpoints, mllm, "stable-diffusion")
    model, processor = fresh(config), load_processor(config.mllm, allow_download=False)
    asked = "describe {title}"
    with torch.no_grad():
        together = model.metas(prepare(processor, TITLES, pictures(), instruction=asked))
        alone = model.metas(prepare(processor, TITLES[1:], pictures()[1:], instruction=asked))
        other = model.metas(prepare(processor, TITLES[1:], 255 - pictures()[1:], instruction=asked))
    torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=1e-4)
    assert (other - alone).abs().max() > 1e-3  # the picture is seen


def test_a_whole_model_comes_back_from_its_folder(checkpoints, tmp_path):
    config = config_of(checkpoints, "llava", "sdxl")
    model = Icg.load_bases(config).eval()
    batch = model.batch(TITLES, pictures(), np.zeros((2, 160), np.float32))
    fingerprint = save_icg(model, tmp_path)
    assert len(fingerprint) == 16
    painting = {"seeds": [1, 2], "steps": 1, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
    np.testing.assert_array_equal(load_icg(tmp_path).paint(batch, **painting), model.paint(batch, **painting))


def test_other_bases_and_changed_files_are_refused(checkpoints, tmp_path):
    save_icg(fresh(config_of(checkpoints, "llava", "stable-diffusion")), tmp_path)
    other = fresh(config_of(checkpoints, "idefics3", "stable-diffusion"))
    with pytest.raises(ValueError, match="trained over a mllm with fingerprint"):
        restore(other, tmp_path)
    (tmp_path / "icg.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        load_config(tmp_path)
    with pytest.raises(FileNotFoundError, match="save_icg wrote whole"):
        load_config(tmp_path / "nowhere")
