"""The aesthetic proxy that has a gradient."""

import numpy as np
import torch

from generation.rewards.looks.smooth import SmoothAesthetic, smooth_statistics
from generation.rewards.view import PictureView
from tests.support.models.reward_batches import random_batch


def test_the_smooth_statistics_are_near_those_of_the_proxy():
    from generation.rewards.looks.aesthetic import statistics_of

    pictures = np.full((1, 64, 64, 3), 255, np.uint8)
    pictures[0, 16:48, 16:48] = (200, 30, 30)
    smooth = smooth_statistics(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(smooth.numpy(), statistics_of(pictures), atol=0.01)


def test_gradients_reach_the_pixels_and_raise_the_rewards():
    aesthetic = SmoothAesthetic(random_batch(40).pictures)
    pixels = torch.full((2, 3, 64, 64), 0.5) + 0.1 * torch.rand(
        2, 3, 64, 64, generator=torch.Generator().manual_seed(0)
    )
    seen = []
    for _ in range(5):
        pixels = pixels.detach().requires_grad_()
        view = PictureView(pixels, None, *torch.zeros(2, 2, 128), ["i"] * 2, ["s"] * 2, ["fox"] * 2)
        value = aesthetic.value(view).sum()
        value.backward()
        assert torch.isfinite(pixels.grad).all()
        seen.append(float(value))
        pixels = pixels + 0.02 * pixels.grad.sign()
    assert seen[-1] > seen[0]
