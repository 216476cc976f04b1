"""On a log in which some users click one style and others another."""

import numpy as np
import pytest
import torch

from generation.personalization.dppmg.graph import Graph
from generation.personalization.dppmg.propagate import Propagation
from generation.personalization.dppmg.train_preferences import (
    Data,
    Fit,
    Shown,
    figures,
    fit_projection,
    fit_quantiser,
    pairs,
)

USERS, ITEMS, REQUESTS = 90, 8, 12


@pytest.fixture(scope="module")
def data():
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


def test_a_week_is_left_out_of_the_graph(data):
    without = data.shown.without(data.graph, 1)
    here = data.shown.week == 1
    assert without.clicks.sum() == data.graph.clicks.sum() - data.shown.clicked[here].sum()
    assert without.expected.sum() == pytest.approx(data.graph.expected.sum() - 0.3 * here.sum())


def test_pairs_are_of_one_request_and_a_click_weighs_one(data):
    one, other, weight = pairs(data.shown, np.ones(len(data.shown.user), bool))
    shown = data.shown
    assert shown.clicked[one].all()
    assert not shown.clicked[other].any()
    assert (shown.request[one] == shown.request[other]).all()
    assert weight.sum() == pytest.approx(len(np.unique(one)))


def test_it_learns_what_users_like_and_few_codes_keep_it(data):
    network, looks = fit_projection(data, "visual", Fit(steps=20, every=10, batch=256))
    assert looks[-1]["gauc"] > 0.65
    with torch.no_grad():
        users = network(data.graph, torch.from_numpy(data.features))
    members = {"even": np.arange(0, USERS, 2), "odd": np.arange(1, USERS, 2)}
    assert len(users) == USERS
    quantiser = fit_quantiser(data, network, members, "visual", Fit(starts=2))
    found = figures(data, network, quantiser, "validation")["weeks left out in turn"]
    assert found["codes"][0] - 0.5 > 0.9 * (found["gauc"][0] - 0.5)
    assert found["gauc"][0] > found["its style part"][0] - 0.03


def test_no_pair_is_of_a_user_or_an_item_that_is_not_for_training(data):
    """Against a spy of the rows that the loss is told of."""
    rows = (data.split[data.shown.user] == "train") & (data.shown.split == "train")
    one, other, _ = pairs(data.shown, rows)
    used = {data.split[user] for user in data.shown.user[np.concatenate([one, other])]}
    assert used == {"train"}
