"""The critic's loss and its view of patches."""

import pytest
import torch

from generation.diffusion.training.critic import Critic, critic_loss
from jobs.stickers.pack import FAMILIES


def test_the_loss_counts_wrong_drawings_as_painted_ones_and_trusts_what_fits():
    far, trust = torch.full((2, 2, 8, 8), 5.0), torch.tensor([0.5, 0.5])
    assert critic_loss(far, -far, -far, trust) == 0
    assert critic_loss(far, -far, far, trust) == critic_loss(far, far, -far, trust) == pytest.approx(3.0)
    drawn = far.clone()
    drawn[0, 1] = -5.0  # a true drawing that looks wrong beside its original
    fits, misfits = (float(critic_loss(drawn, -far, -far, torch.tensor(each))) for each in ([0.9, 0.1], [0.1, 0.9]))
    assert fits == pytest.approx(9 * misfits)
    drawn = far.clone()
    drawn[0, 0] = -5.0  # alone, it must look right whether it fits or not
    assert critic_loss(drawn, -far, -far, trust) == critic_loss(drawn, -far, -far, torch.tensor([0.9, 0.1])) > 1


def test_every_patch_is_scored_for_the_family_asked_for_alone_and_beside_the_original():
    critic = Critic(len(FAMILIES)).eval()
    pixels = (2 * torch.rand(1, 3, 64, 64) - 1).expand(2, -1, -1, -1)
    scores = critic(pixels, -pixels, torch.tensor([0, 4]))
    assert scores.shape == (2, 2, 8, 8)
    assert (scores[0] != scores[1]).flatten(1).any(1).all()
    other = critic(pixels, pixels, torch.tensor([0, 4]))
    assert torch.equal(other[:, 0], scores[:, 0])
    assert not torch.equal(other[:, 1], scores[:, 1])
