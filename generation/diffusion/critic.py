"""The critic that few-step painting is sharpened against.

It says of every part of a picture whether it is drawn or painted, given the family that was asked
for: a projection discriminator (Miyato and Koyama, ICLR 2018, https://arxiv.org/abs/1802.05637) over
patches (Isola et al., CVPR 2017, https://arxiv.org/abs/1611.07004) with spectral normalisation. One
trunk sees the pixels; further heads see what the frozen image encoder's backbone makes of them at
several depths (Projected GANs, Sauer et al., NeurIPS 2021, https://arxiv.org/abs/2111.01007), because
features that know pictures tell families apart long before a fresh trunk does. It is trained beside the
generator on training subjects and thrown away; the judge shares nothing with it.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

BLOCKS = {2: (24, 4), 4: (40, 2), 10: (112, 1)}
"""Backbone block -> channels of its output, and how many of its rows are one row of patches."""


class Projection(nn.Module):
    """A map of features and the family asked for -> a score a place."""

    def __init__(self, channels: int, families: int) -> None:
        super().__init__()
        self.real = spectral_norm(nn.Conv2d(channels, 1, 1))
        self.family = nn.Embedding(families, channels)
        nn.init.normal_(self.family.weight, std=0.3)

    def forward(self, x: Tensor, family: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) -> (B, H, W)."""
        score: Tensor = self.real(x)[:, 0] + (x * self.family(family)[:, :, None, None]).sum(1)
        return score


class Critic(nn.Module):
    """Patches of a picture, and what is asked for -> how real each patch looks.

    Parameters
    ----------
    families
        How many.
    width
        Of the trunk's first layer.
    head
        Width of the heads on features.
    """

    def __init__(self, families: int, width: int = 48, head: int = 96) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width]
        trunk = [nn.Conv2d(inputs, outputs, 4, 2, 1) for inputs, outputs in pairwise(channels)]
        self.trunk = _layers(*trunk, nn.Conv2d(channels[-1], channels[-1], 3, 1, 1))
        self.score = Projection(channels[-1], families)
        self.heads = nn.ModuleDict(
            {
                str(block): _layers(nn.Conv2d(inputs, head, rows, rows), nn.Conv2d(head, head, 3, 1, 1))
                for block, (inputs, rows) in BLOCKS.items()
            }
        )
        self.scores = nn.ModuleDict({str(block): Projection(head, families) for block in BLOCKS})

    def forward(self, pixels: Tensor, maps: dict[int, Tensor], family: Tensor) -> Tensor:
        """How drawn each patch looks, seen in four ways.

        Parameters
        ----------
        pixels
            (B, 3, 64, 64) in [-1, 1].
        maps
            The frozen backbone's outputs for them, by number of ``BLOCKS``.
        family
            (B,) numbers of the families asked for.

        Returns
        -------
        Tensor
            (B, 4, 8, 8); above 0 is drawn.
        """
        x = pixels.contiguous(memory_format=torch.channels_last)
        found = [self.score(_through(self.trunk, x), family)]
        for block in BLOCKS:
            features = _through(self.heads[str(block)], _unit(maps[block]))
            found.append(self.scores[str(block)](features, family))
        return torch.stack(found, dim=1)


def _layers(*convolutions: nn.Conv2d) -> nn.ModuleList:
    return nn.ModuleList(spectral_norm(each) for each in convolutions)


def _through(layers: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layers, nn.ModuleList)
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.2)
    return x


def _unit(x: Tensor) -> Tensor:
    """Every place of mean square 1 over its channels."""
    scale = x.float().square().mean(1, keepdim=True).add(1e-6).rsqrt()
    return x * scale.to(x.dtype)


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
