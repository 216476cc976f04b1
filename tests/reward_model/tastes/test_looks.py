import numpy as np
import pytest
from scipy.stats import dirichlet_multinomial

from reward_model.tastes.looks import LookPriors, _strength, expected_shares, find_looks, fit_looks, membership

LOOKS = 4


def population(users=4000, clicks=12, adorers=0.3, boost=1.6, seed=2):
    """Users of whom some click one look e^boost times as often; everybody else as anybody."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(LOOKS, 20.0), users)
    adored = np.where(rng.random(users) < adorers, rng.integers(0, LOOKS, users), -1)
    rate = share * np.exp(boost * (np.arange(LOOKS) == adored[:, None]))
    rate /= rate.sum(axis=1, keepdims=True)
    drawn = np.stack([rng.multinomial(clicks, row) for row in rate]).astype(float)
    return share, adored, drawn


def test_priors_are_those_of_the_population():
    share, _, clicks = population()
    priors = fit_looks(np.eye(LOOKS, 32, dtype=np.float32), clicks, share)
    assert priors.adorers == pytest.approx(0.3, abs=0.06)
    assert priors.boost == pytest.approx(1.6, abs=0.2)


def test_the_probability_of_adoring_is_calibrated():
    share, adored, clicks = population()
    priors = LookPriors(centroids=np.eye(LOOKS, 32, dtype=np.float32), strength=10, adorers=0.3, boost=1.6)
    _, found = priors.liking(clicks, share)
    truth = adored[:, None] == np.arange(LOOKS)
    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.8), (0.8, 1.0)):
        inside = (found >= low) & (found < high)
        assert truth[inside].mean() == pytest.approx(found[inside].mean(), abs=0.03)


def test_strength_is_that_of_greatest_likelihood():
    rng = np.random.default_rng(4)
    share = np.full((3000, LOOKS), 1 / LOOKS)
    clicks = np.stack([rng.multinomial(10, rng.dirichlet(6.0 * share[0])) for _ in range(3000)]).astype(float)
    found = _strength(clicks, share)
    assert found == pytest.approx(6.0, rel=0.25)

    def likelihood(a):
        return dirichlet_multinomial.logpmf(clicks.astype(int), a * share, 10).sum()

    assert likelihood(found) >= max(likelihood(found * 1.2), likelihood(found / 1.2))


def test_nothing_known_is_nothing_liked():
    priors = LookPriors(centroids=np.eye(LOOKS, 32, dtype=np.float32), strength=10, adorers=0.3, boost=1.6)
    rate, adored = priors.liking(np.zeros((1, LOOKS)), np.zeros((1, LOOKS)))
    assert rate.tolist() == [[0.0] * LOOKS]
    np.testing.assert_allclose(adored, 0.3 / LOOKS, rtol=1e-6)


def test_shares_have_a_floor():
    assert expected_shares(np.array([[1.0, 0.0]]))[0, 1] == pytest.approx(0.01 / 1.01)


def test_looks_are_found_and_covers_belong_to_their_own():
    rng = np.random.default_rng(6)
    centres = np.linalg.qr(rng.normal(size=(32, 3)))[0].T
    of = np.repeat(np.arange(3), 40)
    styles = (centres[of] + 0.05 * rng.normal(size=(120, 32))).astype(np.float32)
    centroids = find_looks(styles, 3, 1)
    weights = membership(styles, centroids)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    found = weights.argmax(axis=1)
    assert all(len(set(found[of == look])) == 1 for look in range(3))
    assert len(set(found)) == 3
    assert weights.max(axis=1).min() > 0.95
    np.testing.assert_array_equal(find_looks(styles, 3, 1), centroids)
    assert len(find_looks(styles[:2], 6, 1)) == 2
