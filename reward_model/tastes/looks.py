r"""Tastes for looks from clicks and skips: a hierarchical estimate with its uncertainty.

Covers fall into :math:`L` looks, clusters of their style vectors; a cover belongs to look k with weight
:math:`z_k`, a softmax of cosines, so that everything is differentiable in the cover. Of a user's events let
:math:`c_k = \sum_e z_{ek} y_e` be the clicks on look k, :math:`C` their sum, and :math:`s_k` the share of clicks that
would fall on it if the user clicked like anybody, by place and item. How much somebody clicks says nothing of looks, so
clicks are taken as given in number, and only where they fell is explained. Two posteriors:

1. a relative rate a look: shares are Dirichlet with mean :math:`s` and strength :math:`A`, in clicks, fitted over all
   users (the Dirichlet-multinomial of Minka, "Estimating a Dirichlet distribution", 2000):
   :math:`\log \frac{A s_k + c_k}{(A + C) s_k}`;
2. the probability that the user adores look k: with probability :math:`\pi` a user clicks one look
   :math:`e^\beta` times as often, :math:`P(k | u) \propto \frac{\pi}{L} e^{\beta c_k} (1 + (e^\beta - 1) s_k)^{-C}`,
   against :math:`1 - \pi` for a user who adores none; :math:`\pi` and :math:`\beta` are fitted over all users.

Both are near 0 while little is known: the shrinkage is the uncertainty. A log that shows drawings at random is the
cleanest evidence, because there what was shown does not depend on the user; nothing here asks for it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from sklearn.cluster import KMeans

from jobs.lake.arrays import Floats, Floats32
from reward_model.network.ensemble_member import LOOK_SHARPNESS

SHARE_FLOOR = 0.01
"""Least share of a look: somebody who was never shown one tells nothing of it."""
STRENGTHS = np.geomspace(0.5, 64.0, 29)
SHARES, BOOSTS = np.linspace(0.02, 0.6, 30), np.linspace(0.2, 2.6, 25)


@dataclass(frozen=True, kw_only=True)
class LookPriors:
    """What is known of looks before a user is: fitted over all users."""

    centroids: Floats32
    """``(L, 32)``, each of length 1."""
    strength: float
    """Clicks that the prior of the shares counts for."""
    adorers: float
    """Share of users who adore a look."""
    boost: float
    """Log of how much more often they click it."""

    def liking(self, clicks: Floats, expected: Floats) -> tuple[Floats32, Floats32]:
        """Log relative rate and probability of adoring, ``(n_users, L)`` each.

        Parameters
        ----------
        clicks, expected
            ``(n_users, L)`` sums over the user's events.

        Examples
        --------
        >>> priors = LookPriors(centroids=np.eye(2, dtype=np.float32), strength=2.0, adorers=0.5, boost=np.log(3))
        >>> rate, adored = priors.liking(np.array([[2.0, 0.0]]), np.array([[1.0, 1.0]]))
        >>> np.exp(rate).round(4).tolist()  # (2 x 0.5 + 2) / (4 x 0.5) and (2 x 0.5 + 0) / (4 x 0.5)
        [[1.5, 0.5]]
        >>> [round(float(value), 4) for value in adored[0]]  # 0.25 x 9 / 4 and 0.25 / 4 against 0.5
        [0.5, 0.0556]
        """
        share, total = expected_shares(expected), clicks.sum(axis=1, keepdims=True)
        rate = np.log((self.strength * share + clicks) / ((self.strength + total) * share))
        evidence = _evidence(clicks, share, self.boost)
        top = np.maximum(evidence.max(axis=1, keepdims=True), 0.0)
        each = self.adorers / clicks.shape[1] * np.exp(evidence - top)
        adored = each / (each.sum(axis=1, keepdims=True) + (1 - self.adorers) * np.exp(-top))
        return rate.astype(np.float32), adored.astype(np.float32)


def expected_shares(expected: Floats) -> Floats:
    """Share of clicks on each look if the user clicked like anybody, ``(n_users, L)``; rows sum to 1.

    Examples
    --------
    >>> expected_shares(np.array([[3.0, 1.0], [0.0, 0.0]])).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    total = expected.sum(axis=1, keepdims=True)
    share = np.divide(expected, total, out=np.full_like(expected, 1 / expected.shape[1]), where=total > 0)
    share = np.maximum(share, SHARE_FLOOR)
    return np.asarray(share / share.sum(axis=1, keepdims=True), np.float64)


def _evidence(clicks: Floats, share: Floats, boost: float) -> Floats:
    """Log likelihood of the clicks under adoring each look, against adoring none, ``(n_users, L)``."""
    total = clicks.sum(axis=1, keepdims=True)
    return np.asarray(boost * clicks - total * np.log1p(np.expm1(boost) * share), np.float64)


def membership(styles: Floats32, centroids: Floats32) -> Floats32:
    """Weights of covers in looks, ``(n, L)``; rows sum to 1.

    Examples
    --------
    >>> membership(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    length = np.maximum(np.linalg.norm(styles, axis=1, keepdims=True), 1e-6)
    score = LOOK_SHARPNESS * (styles / length) @ centroids.T
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), np.float32)


def find_looks(styles: Floats32, looks: int, seed: int) -> Floats32:
    """Centroids of looks among covers' style vectors, ``(L, 32)`` of length 1; fewer where covers are fewer."""
    distinct = np.unique(styles, axis=0)
    found = KMeans(min(looks, len(distinct)), n_init=4, random_state=seed).fit(distinct).cluster_centers_
    found = found[np.lexsort(found.T)]
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6), np.float32)


def fit_looks(centroids: Floats32, clicks: Floats, expected: Floats) -> LookPriors:
    """Priors of greatest marginal likelihood over users, on a grid.

    Parameters
    ----------
    centroids
        As :func:`find_looks` gives them.
    clicks, expected
        ``(n_users, L)``.
    """
    share = expected_shares(expected)
    return LookPriors(centroids=centroids, strength=_strength(clicks, share), **_adoring(clicks, share))


def _strength(clicks: Floats, share: Floats) -> float:
    """Strength of greatest Dirichlet-multinomial likelihood."""
    total = clicks.sum(axis=1)

    def likelihood(strength: float) -> float:
        each = gammaln(strength * share + clicks) - gammaln(strength * share)
        return float(each.sum() + (gammaln(strength) - gammaln(strength + total)).sum())

    return float(max(STRENGTHS, key=likelihood))


def _adoring(clicks: Floats, share: Floats) -> dict[str, float]:
    """Share of adorers and boost of greatest likelihood."""
    best, found = -np.inf, {"adorers": float(SHARES[0]), "boost": float(BOOSTS[0])}
    for boost in BOOSTS:
        odds = np.exp(np.minimum(_evidence(clicks, share, boost), 50.0)).mean(axis=1)
        for adorers in SHARES:
            value = float(np.log(1 - adorers + adorers * odds).sum())
            if value > best:
                best, found = value, {"adorers": float(adorers), "boost": float(boost)}
    return found
