"""What painters over public checkpoints are asked in tests."""

import numpy as np

from tests.support.models import tiny_generators

CANVAS = tiny_generators.SIZE


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
