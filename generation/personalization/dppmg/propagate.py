r"""What a user likes, propagated from the nodes of their graph: LightGCN's convolution, without anything by id.

After LightGCN (He et al., SIGIR 2020, https://arxiv.org/abs/2002.02126): a user is a weighted sum of what their edges
lead to, with no weights between the layers. Two graphs share their nodes, one of clicks :math:`c` and one of the
clicks that were to be expected :math:`e` (position and item explain them). With node features :math:`f`, one
projection :math:`W` and :math:`k` pseudo-clicks that shrink who clicked little,

.. math::

    u = \sum_j \frac{c_{uj}}{\sqrt{\sum c_u + k}} W f_j - \mathrm{softplus}(a)
        \sum_j \frac{e_{uj}}{\sqrt{\sum e_u + k}} W f_j, \qquad s(u, j) = u \cdot W f_j

The normalisation is the user's half of LightGCN's; the nodes' half, which weighs down covers that many see, told less
of validation users. Users start at zero, so that one layer is all that their own events can tell; a second changes only
the nodes. Somebody who was never seen is one propagation over their events.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.personalization.dppmg.graph import Graph
from jobs.lake.arrays import Floats, Floats32, Ints

WIDTH = 64
"""Of a preference."""
SHRINKAGE = 1.0
"""Pseudo-clicks k."""
SKIPS_AT_START = float(np.log(np.expm1(1.0)))
"""softplus of it is 1: expected clicks count as much as clicks."""


def edge_weights(user: Ints, weight: Floats, users: int) -> Floats32:
    """(E,) weights of edges over the root of their user's sum and ``SHRINKAGE``.

    Examples
    --------
    >>> edge_weights(np.array([0, 0, 1]), np.array([1.0, 2.0, 8.0]), 2).astype(float).round(4).tolist()
    [0.5, 1.0, 2.6667]
    """
    total = np.bincount(user, weight, users)[user]
    return np.asarray(weight / np.sqrt(total + SHRINKAGE), np.float32)


class Propagation(nn.Module):
    """Node features -> preferences of users and scores.

    Parameters
    ----------
    features
        Width of a node's features.
    width
        Of a preference.
    """

    def __init__(self, features: int, width: int = WIDTH) -> None:
        super().__init__()
        from torch_geometric.nn import LGConv

        self.weight = nn.Parameter(torch.zeros(width, features))
        self.skips = nn.Parameter(torch.tensor(SKIPS_AT_START))
        self.convolve = LGConv(normalize=False)

    def nodes(self, features: Tensor) -> Tensor:
        """(N, width) of features (N, F)."""
        return F.linear(features, self.weight)

    def raw(self, graph: Graph, features: Tensor) -> tuple[Tensor, Tensor]:
        """(U, F) propagated features of clicks and of expected clicks, before projection: both are linear.

        Parameters
        ----------
        graph
            Of ``U`` users.
        features
            (N, F) of its nodes.
        """
        users = len(graph.users)
        start = torch.cat([features.new_zeros(users, features.shape[1]), features])
        edges = torch.from_numpy(np.stack([graph.node + users, graph.user]))
        found = [
            self.convolve(start, edges, torch.from_numpy(edge_weights(graph.user, weight, users)))[:users]
            for weight in (graph.clicks, graph.expected)
        ]
        return found[0], found[1]

    def users(self, clicked: Tensor, expected: Tensor) -> Tensor:
        """(U, width) preferences from what :meth:`raw` propagated."""
        return self.nodes(clicked - F.softplus(self.skips) * expected)

    def forward(self, graph: Graph, features: Tensor) -> Tensor:
        """(U, width) preferences; zeros of a user without edges."""
        return self.users(*self.raw(graph, features))


def start_projection(features: Floats32, *, leading: int, width: int = WIDTH) -> Floats32:
    """(width, F) to start from: the last ``leading`` features as they are, principal components of the others.

    Parameters
    ----------
    features
        (N, F) of nodes.
    leading
        How many of the last columns are kept one by one.
    width
        Of a preference.
    """
    found = np.zeros((width, features.shape[1]), np.float32)
    split = features.shape[1] - leading
    found[:leading, split:] = np.eye(leading, dtype=np.float32)
    others = features[:, :split] - features[:, :split].mean(axis=0)
    _, _, components = np.linalg.svd(others, full_matrices=False)
    rest = min(width - leading, len(components))
    found[leading : leading + rest, :split] = components[:rest]
    return found
