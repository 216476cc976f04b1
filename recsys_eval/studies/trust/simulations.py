"""Do intervals and tests keep what they promise: ``coverlift study trust``, on made-up logs whose truth is known.

Every trial makes a log of users who differ in how much they click, and asks this package's own functions for the
interval or the p, as a night does:

- **A/A**: two halves of users who see the same thing. How often is a difference found?
- **lift**: treated users click more by a known share. How often is the truth inside the interval?
- **power**: a lift of 2 % at the sample size that :func:`sample_size` states for it. How often is it found?
- **paired**: two rankers on the same requests, NDCG@10. How often is the truth inside?
- each **off-policy estimator** on a log by another policy. How often is the policy's value inside?

It needs neither a lake nor a night.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from rich.progress import track

from jobs.lake.arrays import Flags, Ints
from recsys_eval.experiment.ab import compare
from recsys_eval.experiment.off_policy import ESTIMATORS, LoggedRounds, off_policy_values
from recsys_eval.metrics.ranking import ndcg
from recsys_eval.statistics.lift import LEVEL, POWER, resampled_ratios, user_sums

RATE = 0.1
"""Clicks an impression, on average."""
SPREAD = 0.5
"""Standard deviation of a user's log rate: users differ as much as that."""
IMPRESSIONS = 20
"""Of a user, on average; Poisson, at least 1."""
PLANTED = 0.02
"""Lift of the trials for power."""
SPARE = 1.05
"""Users beyond what the formula says: it takes the spread of users' rates as known, and must not promise too much."""
BIASED = ("dm",)
"""Estimators that promise nothing without a right model."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Options of :func:`trust`."""

    trials: int = 1000
    only: str = ""
    """Only what has this in its name."""
    users: int = 600
    """Users of a log; the trials for power have as many as they need."""
    resamples: int = 400
    seed: int = 71


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was promised and how often it held."""

    what: str
    promise: str
    least: float
    most: float
    """Bounds within which the share should lie."""
    held: int
    trials: int

    @property
    def share(self) -> float:
        """Of trials in which it held."""
        return self.held / self.trials

    @property
    def error(self) -> float:
        """Standard error of the share."""
        return sqrt(max(self.share * (1 - self.share), 1 / self.trials) / self.trials)

    @property
    def good(self) -> bool:
        """Whether the share lies within its bounds."""
        return self.least <= self.share <= self.most


def sample_size(lift: float, *, rate: float = RATE, per_user: float = IMPRESSIONS, spread: float = SPREAD) -> int:
    r"""Users, half of them treated, with whom a relative lift is found in 80 % of cases, two-sided at 5 %.

    With :math:`m` impressions a user and rates that vary by :math:`v = e^{s^2} - 1` around their mean,
    the variance of a side's rate of :math:`n / 2` users is about :math:`(p (1 - p) / m + p^2 v (1 + 1 / m)) / (n / 2)`,
    and :math:`n` is where 2.80 standard errors of the difference are :math:`p \cdot` lift, and a twentieth more.

    Examples
    --------
    >>> sample_size(0.02)
    61664
    """
    factor = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)
    varies = np.expm1(spread**2)
    variance = rate * (1 - rate) / per_user + rate**2 * varies * (1 + 1 / per_user)
    return int(np.ceil(SPARE * 4 * variance * (factor / (rate * lift)) ** 2))


def click_log(rng: np.random.Generator, users: int, lift: float) -> tuple[Ints, Flags, Flags]:
    """A log: user, clicked and treated, (n,) each; a user is treated or not for good, by a fair coin each."""
    rate = RATE * np.exp(SPREAD * rng.normal(size=users) - SPREAD**2 / 2)
    treated = rng.random(users) < 0.5
    rows = np.repeat(np.arange(users), np.maximum(rng.poisson(IMPRESSIONS, users), 1))
    chance = np.clip(rate * np.where(treated, 1 + lift, 1), 0, 1)[rows]
    return rows, rng.random(rows.size) < chance, treated[rows]


def false_alarm(rng: np.random.Generator, options: Trust, seed: int) -> bool:
    """Whether an A/A comparison finds something at 5 %."""
    user, clicked, treated = click_log(rng, options.users, 0.0)
    found = compare(user, clicked, treated, resamples=options.resamples, seed=seed)
    return found is not None and found.difference.p is not None and found.difference.p < 0.05


def lift_inside(rng: np.random.Generator, options: Trust, seed: int) -> bool:
    """Whether the interval of a lift of 10 % holds it."""
    user, clicked, treated = click_log(rng, options.users, 0.1)
    found = compare(user, clicked, treated, resamples=options.resamples, seed=seed)
    return found is not None and found.lift.low <= 0.1 <= found.lift.high


def planted_found(rng: np.random.Generator, options: Trust, seed: int) -> bool:
    """Whether a lift of 2 % is found at the sample size that is stated for it."""
    user, clicked, treated = click_log(rng, sample_size(PLANTED), PLANTED)
    found = compare(user, clicked, treated, resamples=options.resamples, seed=seed)
    return found is not None and found.lift.p is not None and found.lift.p < 0.05 and found.lift.value > 0


def paired_inside(rng: np.random.Generator, options: Trust, seed: int) -> bool:
    """Whether the interval of the difference in NDCG@10 of two rankers, that is 0 by symmetry, holds it."""
    users = options.users
    user = np.repeat(np.arange(users), 2)
    taste = rng.normal(size=(users, 1, 10)) + 0.5 * rng.normal(size=(users, 2, 10))
    clicked = (rng.random((users, 2, 10)) < 1 / (1 + np.exp(2.2 - taste))).reshape(-1)
    request = np.repeat(np.arange(2 * users), 10)
    sides = [ndcg(request, (taste + rng.normal(size=taste.shape)).reshape(-1), clicked) for _ in range(2)]
    sums = [user_sums(user, side, users) for side in sides]
    ratios = resampled_ratios(
        np.stack([each[0] for each in sums], axis=1),
        np.stack([each[1] for each in sums], axis=1),
        resamples=options.resamples,
        seed=seed,
    )
    found = ratios.difference(1, 0)
    return found.low <= 0 <= found.high


def logged_rounds(rng: np.random.Generator, users: int, actions: int = 4) -> tuple[LoggedRounds, float]:
    """A log by one policy and the value of another; users differ, and the model that helps the estimators is wrong."""
    user = np.repeat(np.arange(users), np.maximum(rng.poisson(10, users), 1))
    kinds = 8
    kind = rng.integers(kinds, size=users)
    worth = np.linspace(0.05, 0.4, actions)[(np.arange(actions) + np.arange(kinds)[:, None]) % actions]
    behaviour = 0.05 + 0.8 * np.stack([np.roll([0.4, 0.3, 0.2, 0.1], -each) for each in range(kinds)])
    target = 0.7 * (worth == worth.max(axis=1, keepdims=True)) + 0.3 / actions
    mine = kind[user]
    action = (behaviour[mine].cumsum(axis=1) < rng.random(user.size)[:, None]).sum(axis=1)
    generous = np.exp(0.3 * rng.normal(size=users) - 0.045)[user]
    reward = rng.random(user.size) < np.clip(worth[mine, action] * generous, 0, 1)
    model = 0.6 * worth + 0.08
    value = float((worth * target).sum(axis=1).mean())
    return LoggedRounds(
        user=user,
        reward=reward.astype(np.float64),
        propensity=behaviour[mine, action],
        target=target[mine, action],
        expected_logged=model[mine, action],
        expected_target=(model * target).sum(axis=1)[mine],
    ), value


def _off_policy(options: Trust, rng: np.random.Generator) -> dict[str, int]:
    inside = dict.fromkeys(ESTIMATORS, 0)
    for trial in track(range(options.trials), description="off-policy"):
        rounds, value = logged_rounds(rng, options.users)
        for name, found in off_policy_values(rounds, resamples=options.resamples, seed=trial).items():
            inside[name] += found.low <= value <= found.high
    return inside


Trial = Callable[[np.random.Generator, Trust, int], bool]

TRIALS: tuple[tuple[str, str, float, float, Trial], ...] = (
    ("A/A comparison", "finds something in 5 %", 0.03, 0.07, false_alarm),
    ("lift of an A/B test", "interval holds the truth in 95 %", 0.93, 0.97, lift_inside),
    ("difference of two rankers, NDCG@10", "interval holds the truth in 95 %", 0.93, 0.97, paired_inside),
    ("lift of 2 % at its stated sample size", "found in 80 % or more", 0.80, 1.0, planted_found),
)


def simulated(options: Trust) -> list[Kept]:
    """Every trial, or those whose name holds ``options.only``."""
    only = options.only
    rng = np.random.default_rng(options.seed)
    kept = []
    for name, promise, least, most, trial in TRIALS:
        if only in name:
            held = sum(trial(rng, options, each) for each in track(range(options.trials), description=name))
            kept.append(Kept(what=name, promise=promise, least=least, most=most, held=held, trials=options.trials))
    if only in "off-policy":
        promise = "interval holds the policy's value in 95 %"
        for name, held in _off_policy(options, rng).items():
            least, most = (0.0, 1.0) if name in BIASED else (0.93, 0.97)
            promised = "nothing: it is its model" if name in BIASED else promise
            kept.append(
                Kept(
                    what=f"off-policy, {name}",
                    promise=promised,
                    least=least,
                    most=most,
                    held=held,
                    trials=options.trials,
                )
            )
    return kept


def trust(options: Trust) -> None:
    """Print how often each promise was kept."""
    print(f"{options.trials} trials each, {options.users} users, {options.resamples} resamples, seed {options.seed}")
    print(f"sample size for a lift of {PLANTED:.0%}: {sample_size(PLANTED)} users of {IMPRESSIONS} impressions\n")
    print("| what | promises | kept in | within bounds |\n|---|---|---|---|")
    for each in simulated(options):
        print(
            f"| {each.what} | {each.promise} | {each.share:.1%} ± {each.error:.1%} | {'yes' if each.good else 'NO'} |"
        )
