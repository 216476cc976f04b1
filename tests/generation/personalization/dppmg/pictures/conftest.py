"""Who holds codes."""

import numpy as np
import pytest

from generation.personalization.dppmg.pictures.holders import Holders


@pytest.fixture
def holders():
    rng = np.random.default_rng(1)
    users = tuple(f"u{row:03}" for row in range(60))
    return Holders(
        segments={"s0": np.array([1, 2, 3])},
        users=users,
        codes=rng.integers(0, 4, (60, 3)),
        preferences=rng.normal(size=(60, 160)).astype(np.float32),
        clicks=rng.integers(3, 40, 60),
        profiles={"s0": rng.normal(size=160).astype(np.float32)},
    )
