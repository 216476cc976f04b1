"""Against a dense normalised matrix."""

import numpy as np
import pytest
import torch

from generation.personalization.dppmg.graph import Graph
from generation.personalization.dppmg.propagate import Propagation, start_projection


def graph_of(users=5, nodes=7, seed=0):
    rng = np.random.default_rng(seed)
    user, node = (each.astype(np.int64) for each in np.nonzero(rng.random((users, nodes)) < 0.6))
    return Graph(
        users=tuple(f"u{row}" for row in range(users)),
        nodes=tuple(f"n{row}" for row in range(nodes)),
        user=user,
        node=node,
        clicks=rng.integers(0, 3, len(user)).astype(float),
        expected=rng.random(len(user)),
    )


def dense(graph, weight):
    full = np.zeros((len(graph.users), len(graph.nodes)))
    full[graph.user, graph.node] = weight
    return full / np.sqrt(full.sum(1, keepdims=True) + 1)


def test_propagation_is_a_normalised_sum_over_a_users_own_edges():
    graph, rng = graph_of(), np.random.default_rng(1)
    features = rng.normal(size=(7, 3)).astype(np.float32)
    network = Propagation(3, 2)
    network.weight.data.copy_(torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0]]))
    network.skips.data.fill_(0.3)
    got = network(graph, torch.from_numpy(features)).detach().numpy()
    apart = dense(graph, graph.clicks) - np.log1p(np.exp(0.3)) * dense(graph, graph.expected)
    assert got == pytest.approx(apart @ features @ network.weight.detach().numpy().T, abs=1e-5)


def test_a_user_never_seen_needs_their_own_events_alone():
    """Inductive: alone in a graph of their own, a user is what they are among all others."""
    graph, features = graph_of(), torch.randn(7, 3, generator=torch.Generator().manual_seed(2))
    network = Propagation(3, 2)
    torch.nn.init.normal_(network.weight)
    everybody = network(graph, features)
    alone = graph.take(graph.user == 3)
    assert torch.allclose(network(alone, features)[3], everybody[3], atol=1e-6)
    assert not network(alone, features)[:3].any()


def test_the_order_of_edges_changes_nothing():
    graph, features = graph_of(), torch.randn(7, 3, generator=torch.Generator().manual_seed(2))
    network = Propagation(3, 2)
    torch.nn.init.normal_(network.weight)
    shuffled = graph.take(np.random.default_rng(0).permutation(len(graph.user)))
    assert torch.allclose(network(shuffled, features), network(graph, features), atol=1e-6)


def test_without_skips_the_second_graph_is_empty():
    graph = graph_of()
    empty = graph.take(np.zeros(len(graph.user), bool))
    network = Propagation(3, 2)
    torch.nn.init.normal_(network.weight)
    assert not network(empty, torch.ones(7, 3)).any()


def test_the_start_keeps_the_last_features_and_components_of_the_others():
    rng = np.random.default_rng(3)
    features = np.concatenate([np.outer(rng.normal(size=9), [3.0, 4.0]), rng.normal(size=(9, 2))], axis=1)
    start = start_projection(features.astype(np.float32), leading=2, width=3)
    assert start[:2].tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    assert np.abs(start[2]) == pytest.approx([0.6, 0.8, 0, 0], abs=1e-5)
