"""Histories and networks that Pigeon's tests share."""

import numpy as np
import pytest
import torch

from generation.diffusion.painter import Painter
from generation.history import HISTORY_DIM, HISTORY_EVENTS, history_array
from generation.personalization.pigeon.personal import fresh
from tests.support.models.tiny_pigeons import TinyPigeons


@pytest.fixture(scope="session")
def painter():
    torch.set_num_threads(1)
    return Painter.load()


def a_history(seed, clicks=6, skips=5, weight=1.0):
    """(48, 165) of unit looks, clicks first."""
    rng = np.random.default_rng(seed)
    content, style = rng.normal(size=(clicks + skips, 128)), rng.normal(size=(clicks + skips, 32))
    looks = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (content, style)]
    return history_array(
        vectors=np.concatenate(looks, axis=1).astype(np.float32),
        clicked=np.arange(clicks + skips) < clicks,
        age_hours=np.arange(clicks + skips, dtype=float),
        examination=np.full(clicks + skips, 0.5),
        weight=np.full(clicks + skips, weight),
    )


@pytest.fixture
def histories():
    """(3, 48, 165): six clicks, two clicks, nothing."""
    told = [a_history(1), a_history(2, clicks=2), np.zeros((HISTORY_EVENTS, HISTORY_DIM), np.float32)]
    return torch.from_numpy(np.stack(told))


@pytest.fixture
def preference():
    """(3, 160) of the same; nobody's for the last."""
    told = torch.randn(3, 160, generator=torch.Generator().manual_seed(3))
    told[2] = 0
    return told


@pytest.fixture(scope="session")
def moved(painter):
    """A network whose additions are not zero."""
    pigeon = fresh(painter.conditioning, seed=0).eval()
    torch.manual_seed(1)
    for projection in (pigeon.taste, pigeon.connector.tokens, pigeon.connector.pooled):
        torch.nn.init.normal_(projection.weight, std=0.05)
    return pigeon.requires_grad_(False)


@pytest.fixture(scope="session")
def public(tmp_path_factory):
    """What makes models over tiny checkpoints, and batches for them."""
    return TinyPigeons(tmp_path_factory.mktemp("checkpoints"))
