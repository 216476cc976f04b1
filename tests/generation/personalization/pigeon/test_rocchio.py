"""The preference under a mask, against the night's own formula."""

import numpy as np
import torch

from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.rocchio import SHRINKAGE, change, liked
from jobs.features.estimators import preference
from tests.generation.personalization.pigeon.conftest import a_history


def test_the_shrinkage_is_that_of_the_night():
    assert SHRINKAGE == preference.SHRINKAGE


def test_all_masks_at_one_change_nothing_at_all(histories):
    events = Events.of(histories)
    assert not change(events, torch.ones(3, 48)).any()


def test_dropping_clicks_gives_the_preference_of_the_others():
    """Against ``jobs.features.estimators.preference`` of the kept clicks and all skips."""
    told = a_history(4, clicks=5, skips=3)
    kept = torch.ones(1, 48)
    kept[0, [1, 3]] = 0
    rows = told[:8, :160].astype(np.float64)
    clicked = (np.arange(8) < 5).astype(np.int64)
    some = np.array([0, 2, 4, 5, 6, 7])
    (full,) = preference.preferences(rows, clicked, np.array([0]), np.array([8]))
    (wanted,) = preference.preferences(rows[some], clicked[some], np.array([0]), np.array([6]))
    found = torch.from_numpy(full) + change(Events.of(torch.from_numpy(told)[None]), kept)[0]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_a_row_counts_as_often_as_the_events_it_stands_for():
    told = torch.from_numpy(a_history(5, clicks=3, skips=0))[None]
    told[0, :3, :160] = torch.eye(3, 160)
    told[0, :3, 163] = torch.tensor([1.0, 2.0, 7.0])
    found = liked(Events.of(told), torch.ones(1, 48))[0]
    np.testing.assert_allclose(found[:3].numpy(), np.array([1, 2, 7]) / (10 + 5), rtol=1e-6)


def test_shares_of_a_segment_are_not_shrunk():
    told = torch.from_numpy(a_history(6, clicks=4, skips=0, weight=0.25))[None]
    told[0, :4, :160] = torch.eye(4, 160)
    kept = torch.ones(1, 48)
    kept[0, 0] = 0
    events = Events.of(told)
    np.testing.assert_allclose(liked(events, torch.ones(1, 48))[0, :4].numpy(), [0.25] * 4, rtol=1e-6)
    np.testing.assert_allclose(liked(events, kept)[0, :4].numpy(), [0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)
