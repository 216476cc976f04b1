"""Impressions with random clicks, as arms see them."""

import numpy as np

from recsys_eval.ranking.arms import Block


def block(users=60, requests=3, page=4, seed=1):
    rng = np.random.default_rng(seed)
    n = users * requests * page
    position = np.tile(np.arange(1, page + 1), users * requests)
    return Block(
        user=np.repeat(np.arange(users), requests * page),
        request=np.repeat(np.arange(users * requests), page),
        position=position,
        clicked=rng.random(n) < 0.3,
        weight=position**0.5,
        fold=np.repeat(np.arange(users) % 2, requests * page),
        columns={},
    )
