"""Made-up users: what is known of them is true."""

import numpy as np
import torch

from generation.history import CLICKED, WEIGHT
from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.rocchio import shrinkage
from generation.personalization.pigeon.training.simulated import MOST_FALSE, Crowd, as_segment
from tests.generation.personalization.pigeon.conftest import a_history


def test_a_key_decides_them_and_every_click_is_told_false_or_true(drawings):
    crowd = Crowd(drawings, seed=3)
    first, again, other = crowd.draw(1, 40), crowd.draw(1, 40), crowd.draw(2, 40)
    np.testing.assert_array_equal(first.history, again.history)
    assert not np.array_equal(first.history, other.history)
    np.testing.assert_allclose(first.taste.sum(1), 0, atol=1e-5)
    clicks = (first.history[:, :, CLICKED] > 0).sum(1)
    assert clicks.min() >= 1
    told = np.isfinite(first.false)
    few = told.any(1)
    np.testing.assert_array_equal(told[few].sum(1), clicks[few])
    share = np.nanmean(first.false[few])
    assert 0.05 < share < MOST_FALSE


def test_what_they_click_is_what_they_like(drawings):
    made_up = Crowd(drawings, seed=4).draw(0, 300)
    liked = made_up.preference[:, 128:134]
    together = [np.corrcoef(liked[:, each], made_up.taste[:, each])[0, 1] for each in range(6)]
    assert min(together) > 0.15


def test_a_segment_is_told_in_shares_and_in_unit_lengths():
    told = as_segment(a_history(1, clicks=6, skips=4, weight=3.0))
    for sign in (1, -1):
        assert told[told[:, CLICKED] == sign, WEIGHT].sum() == np.float32(1)
    np.testing.assert_allclose(np.linalg.norm(told[:10, :128], axis=1), 1, rtol=1e-5)
    assert shrinkage(Events.of(torch.from_numpy(told)[None])).tolist() == [0.0]
