import numpy as np
import pytest
import torch

from reward_model.network.events import Events
from reward_model.tastes.subjects import SubjectFactors, exposure_counts, learn_subjects


@pytest.fixture(scope="module")
def world():
    """400 users with 3 tastes, 60 items of 6 categories whose factors are mostly their category's."""
    rng = np.random.default_rng(3)
    category = np.arange(60) % 6
    items = 0.5 * rng.normal(size=(6, 3))[category] + 0.2 * rng.normal(size=(60, 3))
    users = rng.normal(size=(400, 3))
    logit = users @ items.T + rng.normal(0, 0.5, 60)
    share = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    counts = np.stack([rng.multinomial(120, row) for row in share]).astype(np.float32)
    return counts, np.eye(6, dtype=np.float32)[category], users @ items.T


def scores(factors, counts):
    mean, _ = factors.user(counts @ factors.own, counts.sum(axis=1))
    return mean @ factors.own.T


def centred(values):
    return (values - values.mean(axis=1, keepdims=True)).ravel()


def test_exposure_tells_tastes(world):
    counts, content, taste = world
    torch.manual_seed(1)
    factors = learn_subjects(counts, content, 3)
    assert np.corrcoef(centred(scores(factors, counts)), centred(taste))[0, 1] > 0.85
    # an item that nobody was shown is known by its category
    by_content = factors.user(counts @ factors.own, counts.sum(axis=1))[0] @ (content @ factors.content).T
    assert np.corrcoef(centred(by_content), centred(taste))[0, 1] > 0.7


def test_axes_are_those_of_the_covariance_under_exposure(world):
    counts, content, _ = world
    torch.manual_seed(1)
    factors = learn_subjects(counts, content, 3)
    share = counts.sum(axis=0) / counts.sum()
    off = factors.own - share @ factors.own
    np.testing.assert_allclose((off * share[:, None]).T @ off, np.diag(factors.variance), atol=1e-5)
    np.testing.assert_allclose(share @ factors.own, factors.centre, atol=1e-5)


def test_posterior_by_hand():
    factors = SubjectFactors(
        own=np.zeros((1, 2), np.float32), content=np.zeros((1, 2), np.float32),
        centre=np.array([0.5, 0.0], np.float32), variance=np.array([0.25, 1.0], np.float32),
    )  # fmt: skip
    mean, variance = factors.user(np.array([[4.0, 3.0], [0.0, 0.0]]), np.array([4.0, 0.0]))
    # (4 - 4 x 0.5) / (1 + 4 x 0.25) and 3 / (1 + 4); nobody knows the second user
    np.testing.assert_allclose(mean, [[1.0, 0.6], [0.0, 0.0]])
    np.testing.assert_allclose(variance, [[0.5, 0.2], [1.0, 1.0]])


def test_counts_are_of_the_items_asked_for():
    import pyarrow as pa

    n = np.array([0, 0, 0, 1, 1], np.int32)
    events = Events(
        users=pa.array(["a", "b"]), user=n, day=n, item=np.array([2, 2, 3, 3, 1], np.int32),
        cover=n, position=n + 1, clicked=n > 0,
    )  # fmt: skip
    assert exposure_counts(events, np.array([2, 3]), 1).tolist() == [[2.0, 1.0], [0.0, 1.0]]
