"""A painter, a few items, and an adapter after a few steps of training."""

import numpy as np
import pytest
import torch

from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.diffusion.painter import Painter
from generation.personalization.icg.builtin import fresh
from generation.personalization.icg.checkpoint import LAYERS, ship
from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.painting import SHAPE, BuiltinPainting
from generation.personalization.icg.public.model import Icg
from generation.personalization.icg.public.store import save_icg
from generation.personalization.icg.trainees import trainable
from generation.personalization.low_rank import add_lora, lora_weights
from generation.personalization.places import picture_places
from generation.personalization.training.world import Audience, Items, Sampler
from reward_model.encoders.model import load_backbone
from tests.support.models import tiny_checkpoints, tiny_generators


@pytest.fixture(scope="session")
def painter():
    torch.set_num_threads(1)
    return Painter.load()


def some_items(backbone, ids=("1f98a", "1f355", "1f680")):
    rng = np.random.default_rng(0)
    count = len(ids)
    blocks = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    pixels = torch.from_numpy(blocks).permute(0, 3, 1, 2).float() / 255
    unit = torch.nn.functional.normalize(torch.randn(2, count, 128, generator=torch.Generator().manual_seed(1)), dim=2)
    return Items(
        ids=ids,
        titles=tuple(f"item {each}" for each in ids),
        pixels=blocks,
        places=picture_places(backbone, pixels).half(),
        embeddings=unit[0],
        text=torch.nn.functional.normalize(torch.ones(count, 384), dim=1),
        aligned=unit[1],
    )


@pytest.fixture(scope="session")
def sampler():
    rng = np.random.default_rng(1)
    names = ("s1", "s2", "u1", "u2")
    audience = Audience(
        segments=names[:2],
        users=names[2:],
        preference={name: rng.normal(size=160).astype(np.float32) for name in names},
    )
    return Sampler(some_items(load_backbone()), audience, rows=4, seed=1)


def brightness(pixels, batch):
    value = pixels.mean((1, 2, 3))
    return Rewarded(total=value, parts={"bright": value})


@pytest.fixture(scope="session")
def shipped(painter, sampler, tmp_path_factory):
    """A few steps of training with LoRA on a fresh painter, shipped; and what moved."""
    own, out = Painter.load(), tmp_path_factory.mktemp("icg")
    icg = fresh(own.conditioning, seed=0)
    add_lora(own.unet, LAYERS["all"], 2)
    parameters = trainable(icg, own.unet)
    before = {name: weight.detach().clone() for name, weight in own.unet.named_parameters()}
    painting = BuiltinPainting(own, icg, guidance=2.0)
    settings = DraftSettings(sampler_steps=2, learning_rate=5e-4, warmup=1, regularisation=0.0)
    draft = Draft(painting, parameters, brightness, shape=SHAPE, settings=settings)
    fixed = sampler.draw(0)
    seen = [draft.learn(lambda _key: fixed)["bright"] for _ in range(4)]
    moved = {name for name, weight in own.unet.named_parameters() if not torch.equal(weight, before[name])}
    ship(icg, dict(lora_weights(own.unet)), out, own.fingerprint, {"date": "2026-01-01"})
    return out, seen, moved


@pytest.fixture(scope="session")
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
