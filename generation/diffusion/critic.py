"""The critic that few-step painting is sharpened against.

A small convolutional network that says of every part of a picture whether it is drawn or
painted, given the family that was asked for: a projection discriminator (Miyato and Koyama,
ICLR 2018, https://arxiv.org/abs/1802.05637) over patches (Isola et al., CVPR 2017,
https://arxiv.org/abs/1611.07004) with spectral normalisation. It is trained beside the
generator on training subjects and thrown away; the judge shares nothing with it.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Critic(nn.Module):
    """Patches of a picture, and what is asked for -> how real each patch looks."""

    def __init__(self, families: int, width: int = 48) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width]
        self.layers = nn.ModuleList(
            [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)) for inputs, outputs in pairwise(channels)]
        )
        self.mix = spectral_norm(nn.Conv2d(channels[-1], channels[-1], 3, 1, 1))
        self.real = spectral_norm(nn.Conv2d(channels[-1], 1, 1))
        self.family = nn.Embedding(families, channels[-1])
        nn.init.normal_(self.family.weight, std=0.3)

    def forward(self, pixels: Tensor, family: Tensor) -> Tensor:
        """(B, 3, 64, 64) in [-1, 1] and (B,) family numbers -> (B, 8, 8) scores; above 0 is drawn."""
        x = pixels.contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        x = F.leaky_relu(self.mix(x), 0.2)
        asked = (x * self.family(family)[:, :, None, None]).sum(1)
        score: Tensor = self.real(x)[:, 0] + asked
        return score


def critic_loss(drawn: Tensor, painted: Tensor, mistaken: Tensor) -> Tensor:
    """Hinge loss of the critic.

    Parameters
    ----------
    drawn, painted
        Scores of true drawings in the family asked for, and of painted ones.
    mistaken
        Scores of true drawings in another family: as wrong as painted ones, or copies would please the
        critic (matching-aware, Reed et al., ICML 2016, https://arxiv.org/abs/1605.05396).
    """
    wrong = torch.cat([painted.flatten(), mistaken.flatten()])
    return F.relu(1 - drawn).mean() + F.relu(1 + wrong).mean()
