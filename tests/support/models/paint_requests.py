"""A request to paint, the same every time."""

import numpy as np


def asked(rows=2):
    rng = np.random.default_rng(3)
    return {
        "prompts": ["fox", "pizza"][:rows],
        "references": rng.integers(0, 256, (rows, 64, 64, 3), dtype=np.uint8),
        "preferences": rng.normal(size=(rows, 160)).astype(np.float32),
        "seeds": np.arange(rows),
        "steps": 2,
        "guidance": 2.0,
    }
