r"""Off-policy evaluation: what a policy would have earned, from a log of another that explored.

All estimators see a log of ``n`` rounds: context :math:`x_i`, logged action :math:`a_i` drawn
with known propensity :math:`\pi_0(a_i | x_i)`, reward :math:`r_i`. The policy to evaluate is
:math:`\pi`, :math:`w_i = \pi(a_i | x_i) / \pi_0(a_i | x_i)`. Each estimate is a ratio of sums
over users, so its interval comes from resampled users. Saito et al., "Open Bandit Dataset and
Pipeline", NeurIPS 2021 datasets track, has the same estimators in a longer form.
"""

from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats, Ints
from recsys_eval.statistics.lift import Estimate, resampled_ratios

ESTIMATORS = ("ips", "snips", "dm", "dr")


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
    n_users = int(rounds.user.max()) + 1
    terms = [make(rounds) for make in (ips_terms, snips_terms, dm_terms, dr_terms)]

    def per_user(part: int) -> Floats:
        return np.stack([np.bincount(rounds.user, weights=term[part], minlength=n_users) for term in terms], axis=1)

    ratios = resampled_ratios(per_user(0), per_user(1), resamples=resamples, seed=seed)
    return {name: ratios.estimate(column) for column, name in enumerate(ESTIMATORS)}
