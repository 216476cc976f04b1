r"""Off-policy evaluation: what a policy would have earned, from a log of another that explored.

All estimators see a log of ``n`` rounds: context :math:`x_i`, logged action :math:`a_i` drawn
with known propensity :math:`\pi_0(a_i | x_i)`, reward :math:`r_i`. The policy to evaluate is
:math:`\pi`, :math:`w_i = \pi(a_i | x_i) / \pi_0(a_i | x_i)`. Each estimate is a ratio of sums
over users, so its interval comes from resampled users. Saito et al., "Open Bandit Dataset and
Pipeline", NeurIPS 2021 datasets track, has the same estimators in a longer form.

Weights are never cut silently: only ``switch-dr`` and the estimator named ``clipped`` cut them, both at
:attr:`LoggedRounds.limit`. A log that does not support the policy is refused (:meth:`LoggedRounds.require_support`).
"""

from dataclasses import dataclass

import numpy as np

from conf.errors import GateError
from jobs.lake.arrays import Floats, Ints
from recsys_eval.statistics.lift import Estimate, estimate, resampled_ratios

LEAST_EFFECTIVE = 100.0
"""Effective sample size below which nothing is estimated: intervals of so few rounds are too narrow."""
SUPPORT = 0.05
"""How far the mean weight may lie from 1, beyond three standard errors over users, before support counts as missing."""


@dataclass(frozen=True, kw_only=True)
class LoggedRounds:
    """A log to learn from; every array is (n,).

    Raises
    ------
    ValueError
        Lengths differ, a propensity is not in (0, 1], or an expected reward is not finite.
    """

    user: Ints
    """Codes 0 .. n_users - 1."""
    reward: Floats
    propensity: Floats
    """Probability with which the logging policy chose what it did."""
    target: Floats
    """Probability with which the policy to evaluate chooses the logged action."""
    expected_logged: Floats
    """Model's expected reward of the logged action."""
    expected_target: Floats
    """Model's expected reward under the policy to evaluate."""

    def __post_init__(self) -> None:
        """Check what no estimator could mend."""
        if len({array.shape for array in vars(self).values()}) != 1:
            raise ValueError(f"arrays differ in shape: { {name: a.shape for name, a in vars(self).items()} }")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise ValueError("propensities must be in (0, 1]: drop impressions logged without one")
        if not np.isfinite(self.expected_logged).all() or not np.isfinite(self.expected_target).all():
            raise ValueError("expected rewards hold NaN or infinity: every round needs a model's estimate")

    @property
    def weight(self) -> Floats:
        """Importance weights, (n,)."""
        return self.target / self.propensity

    @property
    def effective_size(self) -> float:
        r"""Kish's effective sample size :math:`(\sum w)^2 / \sum w^2`."""
        squares = float((self.weight**2).sum())
        return float(self.weight.sum()) ** 2 / squares if squares else 0.0

    @property
    def limit(self) -> float:
        r"""Where weights are cut: :math:`\sqrt{n}`, at least 1.

        The rule of Ionides ("Truncated importance sampling", JCGS 2008, with the mean weight 1): the bias that it
        brings vanishes as the log grows, and no round can outweigh the rest.
        """
        return float(np.sqrt(max(self.weight.size, 1)))

    def require_support(self) -> None:
        """Refuse a log from which the policy can't be told.

        Where the log plays everything that the policy plays, the mean weight is 1 but for chance. A mean well below
        says which share of its choices the log never made; nothing that was logged tells what they would have earned.

        Raises
        ------
        GateError
            Support is missing, or the effective sample size is under :data:`LEAST_EFFECTIVE`.
        """
        weight, mean = self.weight, float(self.weight.mean())
        if self.effective_size < LEAST_EFFECTIVE:
            raise GateError(
                f"the log says too little of this policy: {weight.size} rounds are worth {self.effective_size:.0f} of "
                f"its own, at least {LEAST_EFFECTIVE:.0f} are needed"
            )
        by_user = np.bincount(np.unique(self.user, return_inverse=True)[1], weights=weight - mean)
        error = float(np.sqrt((by_user**2).sum())) / weight.size
        if abs(mean - 1) > SUPPORT + 3 * error:
            raise GateError(
                f"the log does not support this policy: its weights have mean {mean:.3f} where 1 is due, so about "
                f"{abs(1 - mean):.0%} of what it would choose was never shown, or the propensities are wrong"
            )


def ips_terms(rounds: LoggedRounds) -> tuple[Floats, Floats]:
    r"""Inverse propensity score: :math:`\frac{1}{n} \sum_i w_i r_i`.

    Unbiased where the log explores everything the policy plays (Horvitz and Thompson, JASA 1952;
    Precup, Sutton and Singh, ICML 2000).
    """
    return rounds.weight * rounds.reward, np.ones_like(rounds.reward)


def snips_terms(rounds: LoggedRounds) -> tuple[Floats, Floats]:
    r"""Self-normalised IPS: :math:`\sum_i w_i r_i / \sum_i w_i`.

    Consistent, and steadier than IPS (Swaminathan and Joachims, NeurIPS 2015).
    """
    return rounds.weight * rounds.reward, rounds.weight


def dm_terms(rounds: LoggedRounds) -> tuple[Floats, Floats]:
    r"""Direct method: :math:`\frac{1}{n} \sum_i \hat q(x_i, \pi)`; as biased as its model."""
    return rounds.expected_target, np.ones_like(rounds.reward)


def dr_terms(rounds: LoggedRounds) -> tuple[Floats, Floats]:
    r"""Doubly robust: :math:`\frac{1}{n} \sum_i \hat q(x_i, \pi) + w_i (r_i - \hat q(x_i, a_i))`.

    Unbiased if the propensities are right, whatever the model; steadier the better the model
    (Dudík, Langford and Li, ICML 2011).
    """
    return rounds.expected_target + rounds.weight * (rounds.reward - rounds.expected_logged), np.ones_like(
        rounds.reward
    )


def clipped_terms(rounds: LoggedRounds) -> tuple[Floats, Floats]:
    r"""IPS with weights cut at :attr:`LoggedRounds.limit`: biased to 0, by less the larger the log."""
    return np.minimum(rounds.weight, rounds.limit) * rounds.reward, np.ones_like(rounds.reward)


def switch_dr_terms(rounds: LoggedRounds) -> tuple[Floats, Floats]:
    r"""Doubly robust where the weight is at most :attr:`LoggedRounds.limit`, the model alone beyond it.

    Wang, Agarwal and Dudík, ICML 2017.
    """
    weight = np.where(rounds.weight <= rounds.limit, rounds.weight, 0.0)
    return rounds.expected_target + weight * (rounds.reward - rounds.expected_logged), np.ones_like(rounds.reward)


def sndr_values(rounds: LoggedRounds) -> tuple[Floats, Floats, Floats]:
    r"""Self-normalised doubly robust, as three sums: model, weighted residual, weight.

    :math:`\frac{1}{n} \sum_i \hat q(x_i, \pi) + \sum_i w_i (r_i - \hat q(x_i, a_i)) / \sum_i w_i` (Thomas and
    Brunskill, ICML 2016): a sum of two ratios.
    """
    return rounds.expected_target, rounds.weight * (rounds.reward - rounds.expected_logged), rounds.weight


_RATIOS = {
    "ips": ips_terms,
    "snips": snips_terms,
    "clipped": clipped_terms,
    "dm": dm_terms,
    "dr": dr_terms,
    "switch-dr": switch_dr_terms,
}
ESTIMATORS = (*_RATIOS, "sndr")
"""Every estimator."""


def off_policy_values(rounds: LoggedRounds, *, resamples: int, seed: int) -> dict[str, Estimate]:
    """Value of the policy by every estimator of :data:`ESTIMATORS`.

    Parameters
    ----------
    rounds
        The log.
    resamples, seed
        Of the bootstrap over users.

    Returns
    -------
    dict
        Estimator name to value with interval, in reward a round.
    """
    terms = [make(rounds) for make in _RATIOS.values()]
    model, residual, weight = sndr_values(rounds)
    terms += [(model, np.ones_like(model)), (residual, weight)]
    users = np.unique(rounds.user, return_inverse=True)[1]
    sides = [
        np.stack([np.bincount(users, weights=term[side]) for term in terms], axis=1).astype(np.float64)
        for side in (0, 1)
    ]
    ratios = resampled_ratios(sides[0], sides[1], resamples=resamples, seed=seed)
    found = {name: ratios.estimate(column) for column, name in enumerate(_RATIOS)}
    both = len(_RATIOS)
    whole = ratios.value[both] + ratios.value[both + 1]
    return {**found, "sndr": estimate(float(whole), ratios.draws[:, both] + ratios.draws[:, both + 1])}
