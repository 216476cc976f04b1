"""The parts of the encoders' training."""

import numpy as np
import pytest
import torch

from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import (
    STYLE_DIM,
    STYLE_STATS_DIM,
)
from reward_model.encoders.train import Standardised, augmented, info_nce


@pytest.fixture(scope="module")
def pack():
    return PicturePack.load()


def test_folding_the_standardisation_changes_nothing():
    torch.manual_seed(0)
    sample = torch.randn(50, STYLE_STATS_DIM) * 3 + 2
    module = Standardised(sample, STYLE_DIM, dropout=0.5).eval()
    stored = module.folded("style")
    linear = torch.nn.functional.linear(sample, stored["style.weight"], stored["style.bias"])
    torch.testing.assert_close(torch.nn.functional.normalize(linear, dim=1), module(sample), atol=1e-4, rtol=1e-4)


def test_info_nce_by_hand():
    """Two orthogonal pairs at scale 1: every row's loss is log(1 + e^-1) = 0.313262."""
    pairs = torch.eye(2)
    assert info_nce(pairs, pairs, torch.tensor(1.0)).item() == pytest.approx(np.log1p(np.exp(-1)), abs=1e-6)


def test_augmentation_is_light_and_repeatable(pack):
    pixels = pack.pixels("1f98a", "noto")
    first, second = (augmented(pixels, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == pixels.shape
    assert min(np.abs(first.astype(int) - pixels[:, ::side]).mean() for side in (1, -1)) < 15
