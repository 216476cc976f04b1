"""A log in which half of the users click one style and half another, as a preference is learned from it."""

import numpy as np
import torch

from generation.personalization.dppmg.graph import Graph
from generation.personalization.dppmg.propagate import Propagation
from generation.personalization.dppmg.train_preferences import Data, Shown

USERS, ITEMS, REQUESTS = 90, 8, 12


def two_styles():
    """Each user likes covers whose first style feature is above, or below, zero; two covers an item."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(3)
    features = rng.normal(size=(2 * ITEMS, 160)).astype(np.float32) * 0.2
    features[:, 128] = np.tile([1.0, -1.0], ITEMS)
    user, node, clicked, request, week = [], [], [], [], []
    for each in range(USERS):
        for number in range(REQUESTS):
            shown = rng.choice(2 * ITEMS, 6, replace=False)
            likes = 1 - 2 * (each % 2)
            chance = np.where(np.sign(features[shown, 128]) == likes, 0.5, 0.1)
            user += [each] * 6
            node += shown.tolist()
            clicked += (rng.random(6) < chance).tolist()
            request += [each * REQUESTS + number] * 6
            week += [number % 4] * 6
    user, node, clicked = np.array(user), np.array(node), np.array(clicked)
    split = np.array((["train"] * 4 + ["validation"]) * (USERS // 5))
    shown = Shown(
        user=user,
        node=node,
        item=node // 2,
        request=np.array(request),
        week=np.array(week),
        clicked=clicked,
        expected=np.full(len(user), 0.3),
        split=np.full(len(user), "train"),
    )
    key, edge = np.unique(user * 2 * ITEMS + node, return_inverse=True)
    graph = Graph(
        users=tuple(f"u{row:02}" for row in range(USERS)),
        nodes=tuple(f"n{row:02}" for row in range(2 * ITEMS)),
        user=key // (2 * ITEMS),
        node=key % (2 * ITEMS),
        clicks=np.bincount(edge, clicked).astype(float),
        expected=np.bincount(edge, shown.expected),
    )
    plain = Propagation(160)
    parts = [plain.raw(shown.without(graph, number), torch.from_numpy(features)) for number in range(4)]
    return Data(
        graph=graph,
        features=features,
        shown=shown,
        split=split,
        clicked=torch.stack([one for one, _ in parts]),
        expected=torch.stack([other for _, other in parts]),
    )
