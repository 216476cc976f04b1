"""Estimators against policies whose value is known: sums over all actions of the true reward."""

import numpy as np
import pytest

from conf.errors import GateError
from recsys_eval.experiment.off_policy import ESTIMATORS, LoggedRounds, off_policy_values

ACTIONS = 4


def world(seed, n=40_000):
    """A log of 400 users with known reward probabilities, and the true value of a target policy."""
    rng = np.random.default_rng(seed)
    user = np.sort(rng.integers(0, 400, n))
    truth = rng.uniform(0.05, 0.5, (400, ACTIONS))[user]
    behaviour = rng.dirichlet(np.full(ACTIONS, 5.0), 400)[user] * 0.8 + 0.05
    target = np.eye(ACTIONS)[truth.argmax(axis=1)] * 0.9 + 0.1 / ACTIONS
    action = (behaviour.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1).clip(0, ACTIONS - 1)
    rows = np.arange(n)
    reward = (rng.random(n) < truth[rows, action]).astype(float)
    value = float((truth * target).sum(axis=1).mean())
    return user, truth, behaviour, target, action, reward, value


def rounds_of(user, q, behaviour, target, action, reward):
    rows = np.arange(len(user))
    return LoggedRounds(
        user=user,
        reward=reward,
        propensity=behaviour[rows, action],
        target=target[rows, action],
        expected_logged=q[rows, action],
        expected_target=(q * target).sum(axis=1),
    )


@pytest.fixture(scope="module")
def known():
    return world(1)


def test_every_estimator_finds_the_truth_with_a_right_model(known):
    user, truth, behaviour, target, action, reward, value = known
    found = off_policy_values(rounds_of(user, truth, behaviour, target, action, reward), resamples=300, seed=1)
    assert set(found) == set(ESTIMATORS)
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(value, abs=0.012), name
        if name != "dm":
            assert estimate.low < value < estimate.high, name
    naive = reward.mean()
    assert value - naive > 0.1  # the log itself is far from the answer
    assert found["dr"].high - found["dr"].low < found["ips"].high - found["ips"].low


def test_doubly_robust_survives_a_wrong_model_and_the_direct_method_does_not(known):
    user, truth, behaviour, target, action, reward, value = known
    wrong = np.full_like(truth, 0.6)
    found = off_policy_values(rounds_of(user, wrong, behaviour, target, action, reward), resamples=300, seed=1)
    assert found["dr"].value == pytest.approx(value, abs=0.015)
    assert found["dm"].value == pytest.approx(0.6)


def test_intervals_cover_the_truth():
    inside = dict.fromkeys(("ips", "snips", "clipped", "dr", "switch-dr", "sndr"), 0)
    for seed in range(40):
        user, truth, behaviour, target, action, reward, value = world(100 + seed, n=4000)
        found = off_policy_values(rounds_of(user, truth, behaviour, target, action, reward), resamples=200, seed=seed)
        for name in inside:
            inside[name] += found[name].low <= value <= found[name].high
    assert all(count >= 34 for count in inside.values()), inside


def test_hand_computed():
    rounds = LoggedRounds(
        user=np.array([0, 0, 1]),
        reward=np.array([1.0, 0.0, 1.0]),
        propensity=np.array([0.5, 0.25, 0.2]),
        target=np.array([1.0, 0.0, 1.0]),
        expected_logged=np.array([0.5, 0.2, 0.4]),
        expected_target=np.array([0.5, 0.6, 0.4]),
    )
    found = off_policy_values(rounds, resamples=50, seed=0)
    # weights 2, 0, 5
    assert found["ips"].value == pytest.approx((2 + 5) / 3)
    assert found["snips"].value == pytest.approx(1.0)
    assert found["dm"].value == pytest.approx(0.5)
    assert found["dr"].value == pytest.approx((0.5 + 2 * 0.5 + 0.6 + 0.4 + 5 * 0.6) / 3)
    # weights are cut at sqrt(3): above it there is the model alone
    assert found["clipped"].value == pytest.approx(2 * np.sqrt(3) / 3)
    assert found["switch-dr"].value == pytest.approx((0.5 + 0.6 + 0.4) / 3)
    assert found["sndr"].value == pytest.approx((0.5 + 0.6 + 0.4) / 3 + (2 * 0.5 + 5 * 0.6) / 7)
    assert rounds.effective_size == pytest.approx(49 / 29)


def test_a_policy_whose_choices_were_never_logged_is_refused(known):
    user, truth, behaviour, target, action, reward, _ = known
    rounds_of(user, truth, behaviour, target, action, reward).require_support()
    seldom = behaviour.copy()
    seldom[:, 0] = 1.0  # action 0 is said to be certain, so its weights are far too small
    with pytest.raises(GateError, match="does not support"):
        rounds_of(user, truth, seldom, target, action, reward).require_support()


def test_a_handful_of_rounds_is_refused(known):
    few = [each[:60] for each in known[:6]]
    with pytest.raises(GateError, match="too little"):
        rounds_of(*few).require_support()


def test_users_who_stay_on_one_side_are_no_lack_of_support():
    """Half of 40 users are treated, as in an A/B: the mean weight strays from 1 by chance of users, not of rows."""
    rng = np.random.default_rng(4)
    user = np.repeat(np.arange(40), rng.poisson(200, 40))
    treated = (rng.permutation(40) < 20)[user]
    ones = np.ones(user.size)
    LoggedRounds(
        user=user, reward=ones, propensity=0.5 * ones, target=treated.astype(float), expected_logged=ones,
        expected_target=ones,
    ).require_support()  # fmt: skip


@pytest.mark.parametrize(
    ("field", "bad", "words"),
    [("propensity", 0.0, "propensities"), ("expected_target", np.nan, "NaN"), ("expected_logged", np.inf, "NaN")],
)
def test_bad_rounds_are_refused(field, bad, words):
    arrays = {
        name: np.full(2, 0.5) for name in ("reward", "propensity", "target", "expected_logged", "expected_target")
    }
    arrays["user"] = np.array([0, 1])
    LoggedRounds(**arrays)
    with pytest.raises(ValueError, match=words):
        LoggedRounds(**{**arrays, field: np.array([0.5, bad])})
    with pytest.raises(ValueError, match="shape"):
        LoggedRounds(**{**arrays, field: np.full(3, 0.5)})
