"""The guard on figures by hand."""

import numpy as np
import pytest
import torch

from generation.alignment.guard import Guard, GuardSettings, Look
from generation.alignment.monitor import nearest_drawing, pixel_diversity, structural_similarity

NOISE = np.array([-0.01, 0.01, -0.01, 0.01])


def look(step, reward, monitor, diversity=1.0):
    return Look(step=step, reward=reward + NOISE, monitor=monitor + NOISE[::-1] / 2, diversity=diversity)


def actions(*looks, **settings):
    guard = Guard(GuardSettings(**settings))
    return [guard.judge(each).action for each in looks]


def test_a_rise_with_a_steady_monitor_goes_on():
    assert actions(look(0, 0.0, 0.5), look(1, 0.2, 0.5), look(2, 0.4, 0.51)) == ["go on"] * 3


def test_a_rise_with_a_falling_monitor_backs_off_then_stops():
    hacked = [look(step, 0.1 * step, 0.5 - 0.1 * step) for step in range(5)]
    assert actions(*hacked, patience=2, backoffs=1) == ["go on", "go on", "back off", "go on", "stop"]


def test_both_falling_is_bad_training_and_no_hacking():
    assert actions(look(0, 0.5, 0.5), look(1, 0.4, 0.4), look(2, 0.3, 0.3), patience=1) == ["go on"] * 3


def test_lost_diversity_stops_too():
    assert actions(look(0, 0, 0.5), look(1, 0.1, 0.5, diversity=0.4), patience=1, backoffs=0) == ["go on", "stop"]


def test_what_is_not_finite_stops():
    assert actions(look(0, 0, 0.5), look(1, 0.1, np.nan)) == ["go on", "stop"]
    assert actions(look(0, 0, np.inf)) == ["stop"]


def test_an_equal_picture_has_similarity_one_and_a_constant_shift_by_hand():
    picture = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(structural_similarity(picture, picture), torch.ones(2))
    # Two flat pictures have no variance: (2ab + C1) / (a^2 + b^2 + C1).
    flat = structural_similarity(torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6))
    assert float(flat) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-4)


def test_the_nearest_present_drawing_counts():
    painted = torch.rand(1, 3, 32, 32)
    drawings = torch.stack([torch.rand(3, 32, 32), painted[0]])[None]
    assert float(nearest_drawing(painted, drawings, torch.tensor([[True, True]]))) == pytest.approx(1.0, abs=1e-5)
    assert float(nearest_drawing(painted, drawings, torch.tensor([[True, False]]))) < 0.5


def test_diversity_is_over_pairs_of_one_group():
    painted = torch.stack([torch.full((3, 4, 4), value) for value in (0.0, 0.5, 1.0, 1.0)])
    assert pixel_diversity(painted, torch.tensor([0, 0, 1, 1])) == pytest.approx(0.25)  # pairs 0.5 and 0
    assert pixel_diversity(painted, torch.arange(4)) == 0.0
