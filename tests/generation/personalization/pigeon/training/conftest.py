"""A few drawings with looks of their own, and rows of a made-up log."""

import numpy as np
import pytest
import torch

from generation.diffusion.training.data import Drawings
from generation.personalization.pigeon.training.clicks import clicked_drawings
from generation.personalization.pigeon.training.logged import Logged, preference_of
from generation.personalization.pigeon.training.reconstruct import ReconstructSettings, TaskSampler
from generation.personalization.pigeon.training.simulated import Crowd
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_backbone
from tests.generation.personalization.pigeon.conftest import a_history
from tests.generation.personalization.pigeon.training.test_clicks import clicks_of


@pytest.fixture(scope="package")
def pack():
    return PicturePack.load().sample(60)


@pytest.fixture(scope="package")
def drawings(pack):
    """Training drawings whose style is an axis of their family, with a little noise."""
    codes = tuple(pack.codes("train"))
    rows = [
        (n, pack.families.index(f), pack.pixels(code, f))
        for n, code in enumerate(codes)
        for f in pack.families_of(code)
    ]
    family = np.array([row[1] for row in rows])
    rng = np.random.default_rng(0)
    style = np.eye(32)[family] + 0.05 * rng.normal(size=(len(rows), 32))
    content = rng.normal(size=(len(rows), 128))
    look = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (content, style)]
    return Drawings(
        np.stack([row[2] for row in rows]),
        np.array([row[0] for row in rows]),
        family,
        np.concatenate(look, axis=1).astype(np.float32),
        np.zeros((len(codes), 0), np.float32),
        codes,
        pack.families,
    )


@pytest.fixture
def logged():
    """Four rows; everybody clicks what points along the first axis of the style."""
    rng = np.random.default_rng(2)
    histories = np.stack([a_history(seed) for seed in range(4)])
    style = rng.normal(size=(80, 32)).astype(np.float32)
    return Logged(
        users=("a", "b", "c", "d"),
        history=histories,
        preference=np.stack([preference_of(each) for each in histories]),
        row=np.repeat(np.arange(4), 20),
        style=style,
        expected=np.full(80, -2.0, np.float32),
        clicked=(style[:, 0] > 0.5).astype(np.float32),
        item_ids=tuple(f"i{place}" for place in range(80)),
        cover_ids=tuple(f"c{place}" for place in range(80)),
        propensity=np.full(80, 0.5, np.float32),
        fresh=np.ones(80, bool),
        originals={},
    )


@pytest.fixture
def families():
    return torch.eye(6, 32) - 1 / 6


@pytest.fixture(scope="package")
def sampler(drawings, pack):
    logged = clicks_of(drawings, pack)
    clicked = clicked_drawings(logged, drawings, pack)
    settings = ReconstructSettings(rows=4, simulated=0.5, learning_rate=1e-3, warmup=1)
    text = torch.nn.functional.normalize(torch.randn(len(drawings.codes), 384), dim=1)
    backbone = load_backbone()
    return TaskSampler(
        drawings, text, logged.history, logged.preference, clicked, Crowd(drawings, 1), None, backbone, settings
    )
