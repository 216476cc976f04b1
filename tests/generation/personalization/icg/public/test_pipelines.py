"""Models over public checkpoints as painters of the night: in process, and served by the real Triton."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from conf.settings import GenerationSettings, Settings
from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.icg import checkpoint
from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.public.model import Icg
from generation.personalization.icg.public.pipelines import PipelinePainter
from generation.personalization.icg.public.store import load_config, save_icg
from generation.personalization.icg.train import place_of
from generation.personalization.icg.trainees import trainee_of
from generation.personalization.methods import method_fingerprints
from generation.personalization.training.painting import WorldBatch
from generation.serving.backends import open_backend
from generation.serving.painters import open_painter
from tests.support import tiny_checkpoints, tiny_generators

CANVAS = tiny_generators.SIZE


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of a model that hears preferences, over tiny checkpoints."""
    torch.set_num_threads(1)
    made = {}

    def get(mllm, family, **more):
        key = (mllm, family, *more.items())
        if key not in made:
            folder = tmp_path_factory.mktemp("pipeline")
            for name in ("mllm", "generator"):
                (folder / name).mkdir()
            tiny_checkpoints.MLLMS[mllm](folder / "mllm")
            tiny_generators.make(family, folder / "generator")
            bases = {"mllm": str(folder / "mllm"), "generator": str(folder / "generator")}
            torch.manual_seed(3)
            model = Icg.load_bases(IcgConfig(**bases, meta_tokens=5, width=16, layers=1, **more)).eval()
            torch.nn.init.normal_(model.refine.film[-1].weight)
            save_icg(model, folder / "icg")
            made[key] = folder / "icg"
        return made[key]

    return get


def request(rows, **more):
    rng = np.random.default_rng(1)
    return {
        "prompts": ["red fox", "pizza rocket", "fox"][:rows],
        "references": rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)[:rows],
        "preferences": rng.normal(size=(3, 160)).astype(np.float32)[:rows],
        "seeds": np.arange(3)[:rows],
        "steps": 2,
        **more,
    }


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_every_pipeline_paints_the_night_s_covers(saved, family):
    painter = PipelinePainter.load(saved("llava", family), canvas=CANVAS)
    painted = painter.paint(**request(3, guidance=np.array([1, 4, 1], np.float32)))
    assert (painted.shape, painted.dtype) == ((3, 64, 64, 3), np.uint8)
    alone = painter.paint(**request(1, guidance=1.0))
    assert np.abs(alone[0].astype(int) - painted[0]).max() <= 2  # sums follow the batch size
    nobody = painter.paint(**request(1, guidance=1.0) | {"preferences": np.zeros((1, 160), np.float32)})
    assert (nobody != alone).any()


@pytest.mark.parametrize(("mllm", "family"), [("llava", "sdxl"), ("idefics3", "flux")])
def test_triton_serves_it_beside_the_built_in_generator(saved, tmp_path, make_request, mllm, family):
    folder = saved(mllm, family)
    settings = GenerationSettings(method="icg", icg=str(folder), canvas=CANVAS, max_batch=4, timeout_s=60)
    known = method_fingerprints(settings, checkpoint_fingerprint(SHIPPED))
    alone = PipelinePainter.load(folder, canvas=CANVAS)
    requests = [make_request(number, method="icg", steps=2, guidance=3.0) for number in range(2)]
    with open_backend(settings, tmp_path) as triton:
        assert {method: triton.fingerprint(method) for method in ("icg", "profile")} == known
        served = {result.index: result for result in triton.paint([*requests, make_request(5)])}
    assert served[2].generator == known["profile"]
    for index, one in enumerate(requests):
        assert served[index].error is None
        assert served[index].generator == known["icg"] == alone.fingerprint
        (expected,) = alone.paint(
            prompts=[one.prompt],
            references=one.reference[None],
            preferences=one.preference[None],
            seeds=np.array([one.seed]),
            steps=2,
            guidance=3.0,
        )
        assert np.abs(served[index].picture.astype(int) - expected).max() <= 2


def test_the_fingerprint_follows_the_canvas_and_bad_folders_are_refused(saved, tmp_path):
    folder = saved("llava", "stable-diffusion")
    small, large = (GenerationSettings(method="icg", icg=str(folder), canvas=size) for size in (32, 64))
    assert method_fingerprints(small, "0123")["icg"] != method_fingerprints(large, "0123")["icg"]
    assert method_fingerprints(small, "0123")["profile"] == "0123"
    (tmp_path / "icg.safetensors").write_bytes(b"half of it")
    with pytest.raises(UsageError, match="save_icg wrote whole"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(tmp_path)), "0123")


def test_methods_and_preferences_that_do_not_fit_are_named(saved):
    painter = open_painter(None, {"icg": saved("llava", "stable-diffusion")}, canvas=CANVAS)
    with pytest.raises(ValueError, match=r"no method 'pigeon': it has \['icg', 'profile'\]"):
        painter.fingerprint_of("pigeon")
    with pytest.raises(ValueError, match="no method 'profile'"):
        painter.painters["icg"].fingerprint_of("profile")
    other = saved("llava", "pixart", user_dim=8)
    with pytest.raises(ValueError, match="preferences of 8: the night has 160"):
        PipelinePainter.load(other, canvas=CANVAS)


def rows_for_training():
    generator = torch.Generator().manual_seed(2)
    return WorldBatch(
        reference=torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1,
        text=torch.zeros(2, 384),
        places=torch.zeros(2, 16, 1280),
        preference=torch.randn(2, 160, generator=generator),
        reference_embeddings=torch.zeros(2, 128),
        text_embeddings=torch.zeros(2, 128),
        item_ids=["fox", "fox"],
        whom=["s0", "s1"],
        titles=["fox", "fox"],
    )


def less_green(pixels, _batch):
    return Rewarded(total=-pixels[:, 1].mean((1, 2)), parts={})


def test_rewards_train_it_and_what_ships_is_painted_and_trained_on(saved, tmp_path):
    config = load_config(saved("llava", "stable-diffusion"))
    names = ("mllm", "generator", "meta_tokens", "width", "layers")
    icg = {name: getattr(config, name) for name in names} | {"generator_tuning": "lora"}
    settings = Settings(icg=icg, generation={"canvas": CANVAS, "guidance": 2.0})
    fresh = trainee_of(settings, seed=1, lora_rank=0, lora_layers="attention", start=None)
    tune = DraftSettings(sampler_steps=2, learning_rate=5e-3, warmup=1, regularisation=0.0, ema=0.5)
    draft = Draft(fresh.painting, fresh.parameters, less_green, shape=fresh.painting.shape, settings=tune)
    batch = rows_for_training()
    rewards = [draft.learn(lambda _key: (batch, 2))["reward"] for _ in range(6)]
    assert rewards[-1] > rewards[0]
    assert {name.split(".")[0] for name in fresh.parameters} == {"metas", "reduce", "refine", "connector", "denoiser"}

    fresh.ship(tmp_path / "out", {**fresh.about, "command": "the command"})
    painted = PipelinePainter.load(tmp_path / "out", canvas=CANVAS).paint(**request(1))
    again = trainee_of(settings, seed=9, lora_rank=0, lora_layers="attention", start=tmp_path / "out")
    assert again.about["started_from"]["command"] == "the command"
    for name, weight in fresh.parameters.items():
        torch.testing.assert_close(again.parameters[name], weight)
    again.ship(tmp_path / "again", again.about)
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert manifest["bases"] == fresh.about["bases"]
    np.testing.assert_array_equal(PipelinePainter.load(tmp_path / "again", canvas=CANVAS).paint(**request(1)), painted)


def test_a_public_model_is_never_written_over_the_built_in_adapter():
    assert place_of(Settings()) == place_of(Settings(generation={"icg": "elsewhere"})) == checkpoint.SHIPPED
    assert place_of(Settings(icg={"mllm": "m"}, generation={"icg": "elsewhere"})) == Path("elsewhere")
    with pytest.raises(UsageError, match="set it, or give --out"):
        place_of(Settings(icg={"mllm": "m"}))


def test_what_cannot_be_trained_is_refused(saved, tmp_path):
    folder = saved("llava", "stable-diffusion")
    config = load_config(folder)
    settings = Settings(icg={"mllm": config.mllm, "generator": config.generator})
    with pytest.raises(UsageError, match=r"LoRA is set by icg\.generator_tuning"):
        trainee_of(settings, seed=1, lora_rank=4, lora_layers="all", start=None)
    with pytest.raises(UsageError, match="another configuration than the section icg"):
        trainee_of(settings, seed=1, lora_rank=0, lora_layers="all", start=folder)
    missing = Settings(icg={"mllm": str(tmp_path), "generator": config.generator})
    with pytest.raises(UsageError, match="config"):
        trainee_of(missing, seed=1, lora_rank=0, lora_layers="all", start=None)
