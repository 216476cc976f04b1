"""On a log in which some users click one style and others another."""

import numpy as np
import pytest
import torch

from generation.personalization.dppmg.train_preferences import (
    Fit,
    figures,
    fit_projection,
    fit_quantiser,
    pairs,
)
from tests.support.tastes.two_styles import USERS, two_styles


@pytest.fixture(scope="module")
def data():
    return two_styles()


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
