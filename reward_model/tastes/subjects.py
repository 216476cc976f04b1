r"""Tastes for subjects from exposure: who was shown what.

A feed chooses by taste, so what somebody was shown tells of taste long before clicks, which are one event in
twenty, do. The items of a user's events are modelled as draws from

.. math:: P(i | u) \propto \exp(b_i + f_u \cdot g_i), \quad f_u \sim N(0, I), \quad
          g_i \sim N(X_i B,\, \sigma^2 I),

a factorisation of counts under the multinomial likelihood (as in Liang et al., "Variational Autoencoders for
Collaborative Filtering", WWW 2018, with a linear decoder), whose items have a mean that follows from their
content :math:`X_i`, category and words (as in Agarwal and Chen, "Regression-based latent factor models", KDD
2009). An item that nobody was shown has its content's factors.

Given the items, a user's posterior is taken at the second order around no taste. With the items' mean
:math:`\bar g` and covariance :math:`C` under exposure, :math:`n` events and axes that make :math:`C` diagonal with
:math:`\lambda_k`,

.. math:: E f_{uk} = \frac{\sum_e (g_{ek} - \bar g_k)}{1 + n \lambda_k}, \quad V f_{uk} = \frac{1}{1 + n \lambda_k},

which is exact where factors are normal, and a sum over events, so that every evening costs a difference of two
cumulative sums.
"""

from dataclasses import dataclass

import numpy as np
import torch

from jobs.lake.arrays import Floats, Floats32, Ints
from reward_model.network.events import Events

MOST_USERS, MOST_ITEMS = 5000, 5000
"""Users and items that factors are learned from, at most: users at random, items by exposure."""
STEPS, RATE = 100, 0.08
"""Of Adam, over all of them at once."""
CONTENT_SPREAD, OWN_SPREAD = 0.2, 0.15
"""Prior deviations of the content's weights and of an item's own factors around them."""


@dataclass(frozen=True, kw_only=True)
class SubjectFactors:
    """Factors of items along axes on which a user's posterior is diagonal. ``K`` factors."""

    own: Floats32
    """``(n_own, K)`` of the items that have factors of their own."""
    content: Floats32
    """``(n_features, K)`` weights of the content."""
    centre: Floats32
    """``(K,)`` mean under exposure."""
    variance: Floats32
    """``(K,)`` under exposure."""

    def user(self, total: Floats, events: Floats) -> tuple[Floats32, Floats32]:
        """Posterior mean and variance of users, ``(n_users, K)`` each.

        Parameters
        ----------
        total
            ``(n_users, K)`` sum of the items' factors over the user's events.
        events
            ``(n_users,)`` their number.

        Examples
        --------
        >>> one = np.ones((1, 1), np.float32)
        >>> factors = SubjectFactors(own=one, content=one, centre=np.zeros(1, np.float32), variance=np.full(1, 0.5))
        >>> [values.tolist() for values in factors.user(np.array([[3.0]]), np.array([4.0]))]  # 3 / (1 + 4 x 0.5)
        [[[1.0]], [[0.3333333432674408]]]
        """
        precision = 1.0 + events[:, None] * self.variance
        mean = (total - events[:, None] * self.centre) / precision
        return mean.astype(np.float32), (1.0 / precision).astype(np.float32)


def exposure_counts(events: Events, items: Ints, seed: int) -> Floats32:
    """``(n_users, n_items)`` how often users were shown the items, by row in the item table; some of the users."""
    users = np.unique(events.user)
    if len(users) > MOST_USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, MOST_USERS, replace=False))
    place = np.full(int(max(events.item.max(initial=0), items.max(initial=0))) + 1, -1, np.int64)
    place[items] = np.arange(len(items))
    row = np.searchsorted(users, events.user).clip(max=len(users) - 1)
    kept = (users[row] == events.user) & (place[events.item] >= 0)
    counts = np.zeros((len(users), len(items)), np.float32)
    np.add.at(counts, (row[kept], place[events.item[kept]]), 1.0)
    return counts


def learn_subjects(counts: Floats32, content: Floats32, factors: int) -> SubjectFactors:
    """Maximum a posteriori factors; deterministic for torch's seed and threads.

    Parameters
    ----------
    counts
        As :func:`exposure_counts` gives them.
    content
        ``(n_items, n_features)`` of the same items.
    factors
        Number of factors.
    """
    shown, features = torch.from_numpy(counts), torch.from_numpy(content)
    user = (0.3 * torch.randn(len(counts), factors)).requires_grad_()
    own = (0.3 * torch.randn(len(content), factors)).requires_grad_()
    weights = (0.3 * torch.randn(content.shape[1], factors)).requires_grad_()
    level = torch.log(shown.sum(dim=0) + 1.0).requires_grad_()
    total = shown.sum(dim=1, keepdim=True)
    optimiser = torch.optim.Adam([user, own, weights, level], lr=RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, total_iters=STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad(set_to_none=True)
        items = OWN_SPREAD * own + features @ (CONTENT_SPREAD * weights)
        logit = user @ items.T + level
        likelihood = (shown * logit).sum() - (total[:, 0] * torch.logsumexp(logit, dim=1)).sum()
        prior = (user.square().sum() + own.square().sum() + weights.square().sum()) / 2
        torch.autograd.backward(prior - likelihood)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        items = OWN_SPREAD * own + features @ (CONTENT_SPREAD * weights)
    share = counts.sum(axis=0) / max(counts.sum(), 1.0)
    return _diagonal(items.numpy(), (CONTENT_SPREAD * weights).detach().numpy(), share)


def _diagonal(items: Floats32, weights: Floats32, share: Floats32) -> SubjectFactors:
    """The same factors turned to the axes of their covariance under exposure."""
    centre = share @ items
    variance, axes = np.linalg.eigh(((items - centre) * share[:, None]).T.astype(np.float64) @ (items - centre))
    # eigh leaves the sign of an axis open.
    axes = (axes * np.where(axes.sum(axis=0) < 0, -1.0, 1.0)).astype(np.float32)
    return SubjectFactors(
        own=items @ axes,
        content=weights @ axes,
        centre=(centre @ axes).astype(np.float32),
        variance=np.maximum(variance, 1e-9).astype(np.float32),
    )
