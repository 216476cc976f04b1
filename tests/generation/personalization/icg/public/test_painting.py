"""Pipelines as training paints with them."""

import json

import numpy as np
import torch

from conf.settings import Settings
from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.personalization.icg.public.pipelines import PipelinePainter
from generation.personalization.icg.public.store import load_config
from generation.personalization.icg.trainees import trainee_of
from generation.personalization.training.painting import WorldBatch
from tests.support.models.pipeline_requests import CANVAS, request


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
    painted = PipelinePainter.load(tmp_path / "out").paint(**request(1))
    again = trainee_of(settings, seed=9, lora_rank=0, lora_layers="attention", start=tmp_path / "out")
    assert again.about["started_from"]["command"] == "the command"
    for name, weight in fresh.parameters.items():
        torch.testing.assert_close(again.parameters[name], weight)
    again.ship(tmp_path / "again", again.about)
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert manifest["bases"] == fresh.about["bases"]
    np.testing.assert_array_equal(PipelinePainter.load(tmp_path / "again").paint(**request(1)), painted)
