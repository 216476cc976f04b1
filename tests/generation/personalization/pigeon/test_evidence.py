"""Clicks beyond what was due, by code, against sums by hand."""

import numpy as np
import pytest
import torch

from generation.history import CLICKED, EXAMINATION, KNOWN, WEIGHT
from generation.personalization.pigeon.evidence import PRIOR_CLICKS, PRIOR_RATE, Evidence
from generation.personalization.pigeon.history import Events


def told(*rows):
    """Rows of (axis of the style, clicked, examination, weight)."""
    history = torch.zeros(1, 48, 165)
    for place, (axis, clicked, examination, weight) in enumerate(rows):
        history[0, place, 128 + axis] = 1
        history[0, place, CLICKED] = 1 if clicked else -1
        history[0, place, EXAMINATION], history[0, place, WEIGHT], history[0, place, KNOWN] = examination, weight, 1
    return Events.of(history)


@pytest.fixture
def evidence():
    """Two codes, the first two axes, each event wholly of its own."""
    found = Evidence(32, 2)
    with torch.no_grad():
        found.codes.copy_(torch.eye(2, 32))
        found.mean.copy_(torch.full((32,), 0.0))
        found.mean[:2] = 0.5
        found.log_near.fill_(np.log(200.0))
        found.log_prior.fill_(np.log(2.0))
    return found.requires_grad_(False)


EVENTS = ((0, True, 1.0, 1.0), (0, True, 0.5, 2.0), (1, True, 1.0, 1.0), (0, False, 0.5, 10.0), (1, False, 0.25, 40.0))


def test_clicks_and_what_was_looked_at_are_summed_by_code(evidence):
    clicks, looked = evidence.counts(told(*EVENTS), torch.ones(1, 48))
    np.testing.assert_allclose(clicks[0], [3, 1], rtol=1e-5)
    np.testing.assert_allclose(looked[0], [1 + 1 + 5, 1 + 10], rtol=1e-5)
    kept = torch.ones(1, 48)
    kept[0, 1] = 0
    np.testing.assert_allclose(evidence.counts(told(*EVENTS), kept)[0][0], [1, 1], rtol=1e-5)


def test_the_worth_is_clicks_beyond_what_was_due_over_its_precision(evidence):
    """r = (4 + 3) / (18 + 3 / 0.09); u = (3 - 7 r) / (2 + 7 r) and (1 - 11 r) / (2 + 11 r)."""
    rate = (4 + PRIOR_CLICKS) / (18 + PRIOR_CLICKS / PRIOR_RATE)
    found = evidence.worth(*evidence.counts(told(*EVENTS), torch.ones(1, 48)))[0]
    np.testing.assert_allclose(found, [(3 - 7 * rate) / (2 + 7 * rate), (1 - 11 * rate) / (2 + 11 * rate)], rtol=1e-4)


def test_the_direction_is_that_of_the_code_that_was_clicked_more_often_than_due(evidence):
    direction = evidence(told(*EVENTS), torch.ones(1, 48))[0]
    assert direction[0] > 0.4
    assert direction[1] < -0.4
    nothing = evidence(told((0, False, 0.5, 0.0)), torch.ones(1, 48))[0]
    np.testing.assert_allclose(nothing, 0, atol=1e-5)


def test_an_event_agrees_with_what_the_others_say_and_not_with_itself(evidence):
    lonely = evidence.agreement(told((0, True, 1.0, 1.0), (1, True, 1.0, 1.0), (1, True, 1.0, 1.0)))[0, :3]
    assert abs(lonely[0]) < 1e-5 < lonely[1]
    assert lonely[1] == lonely[2]
    (alone,) = evidence.agreement(told((0, True, 1.0, 1.0)))[0, :1]
    assert alone == pytest.approx(0.0, abs=1e-5)


def test_shares_of_a_segment_stand_for_many_events(evidence):
    shares = told((0, True, 1.0, 0.6), (0, True, 1.0, 0.2), (1, True, 1.0, 0.2), (1, False, 0.5, 1.0))
    clicks, looked = evidence.counts(shares, torch.ones(1, 48))
    np.testing.assert_allclose(clicks[0], [400, 100], rtol=1e-4)
    np.testing.assert_allclose(looked[0], [400, 100 + 4750], rtol=1e-4)
