"""Covers that are the true drawings."""

import numpy as np
import pytest

from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.panel.pairs import Pairs, pairs_of


@pytest.fixture(scope="session")
def pack() -> PicturePack:
    return PicturePack.load().sample(200)


@pytest.fixture(scope="session")
def copies(pack: PicturePack) -> Pairs:
    """Painted covers that are the true drawings."""
    keys = [(code, family) for code in pack.codes("validation") for family in pack.families_of(code)]
    pixels = np.stack([pack.pixels(*key) for key in keys])
    families = np.array([FAMILIES.index(family) for _, family in keys])
    return pairs_of(pack, pixels, [code for code, _ in keys], families)
