"""What painters over public checkpoints are asked in tests."""

import numpy as np

from tests.support.models import tiny_generators

CANVAS = tiny_generators.SIZE
"""Side of the squares that trainings paint."""
TALL = (32, 64)
"""Width and height of what painters are asked for."""
TITLES = ["red fox", "pizza rocket"]
CODES = np.array([[1, 2, 3, -1, -1, -1], [4, -1, -1, -1, -1, -1]])
"""Of whom the two titles are painted for, where it is told by codes."""
NOBODY = np.full((2, 6), -1)


def request(rows, **more):
    rng = np.random.default_rng(1)
    return {
        "prompts": ["red fox", "pizza rocket", "fox"][:rows],
        "references": rng.integers(0, 256, (3, *TALL[::-1], 3), dtype=np.uint8)[:rows],
        "preferences": rng.normal(size=(3, 160)).astype(np.float32)[:rows],
        "seeds": np.arange(3)[:rows],
        "steps": 2,
        **more,
    }
