"""The critic that one-step painting is sharpened against.

It says of every part of a picture whether it is drawn or painted, given the family that was asked
for: a projection discriminator (Miyato and Koyama, ICLR 2018, https://arxiv.org/abs/1802.05637) over
patches (Isola et al., CVPR 2017, https://arxiv.org/abs/1611.07004) with spectral normalisation. Two
trunks look: one at the picture alone, so at the family's lines, colours and shading; the other also at
the original, so at whether this is the original as that family would draw it. It is trained beside the
generator on training subjects and thrown away; the judge shares nothing with it.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Trunk(nn.Module):
    """Pictures (B, channels, 64, 64) and the family asked for (B,) -> scores (B, 8, 8)."""

    def __init__(self, channels: int, families: int, width: int) -> None:
        super().__init__()
        widths = [channels, width, 2 * width, 4 * width]
        layers = [nn.Conv2d(inputs, outputs, 4, 2, 1) for inputs, outputs in pairwise(widths)]
        layers.append(nn.Conv2d(widths[-1], widths[-1], 3, 1, 1))
        self.layers = nn.ModuleList(spectral_norm(layer) for layer in layers)
        self.real = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.family = nn.Embedding(families, widths[-1])
        nn.init.normal_(self.family.weight, std=0.3)

    def forward(self, x: Tensor, family: Tensor) -> Tensor:
        """Score every patch; above 0 is drawn."""
        x = x.contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        score: Tensor = self.real(x)[:, 0] + (x * self.family(family)[:, :, None, None]).sum(1)
        return score


class Critic(nn.Module):
    """Patches of a picture, its original and what is asked for -> how right each patch looks.

    Parameters
    ----------
    families
        How many.
    width
        Of the trunks' first layers.
    """

    def __init__(self, families: int, width: int = 48) -> None:
        super().__init__()
        self.alone = Trunk(3, families, width)
        self.beside = Trunk(6, families, width)

    def forward(self, pixels: Tensor, original: Tensor, family: Tensor, *, bent: Tensor | None = None) -> Tensor:
        """How right each patch looks, alone and beside the original.

        Parameters
        ----------
        pixels, original
            (B, 3, 64, 64) in [-1, 1].
        family
            (B,) numbers of the families asked for.
        bent
            (B, 3, 64, 64): what to show beside the original in place of ``pixels``.

        Returns
        -------
        Tensor
            (B, 2, 8, 8); above 0 is right.
        """
        beside = torch.cat([pixels if bent is None else bent, original], dim=1)
        return torch.stack([self.alone(pixels, family), self.beside(beside, family)], dim=1)


def critic_loss(drawn: Tensor, painted: Tensor, mistaken: Tensor, trust: Tensor) -> Tensor:
    """Hinge loss of the critic.

    Parameters
    ----------
    drawn, painted
        (B, 2, 8, 8) scores of true drawings in the family asked for, and of painted ones.
    mistaken
        Scores of originals in another family: as wrong as painted ones, or copies would please the
        critic (matching-aware, Reed et al., ICML 2016, https://arxiv.org/abs/1605.05396).
    trust
        (B,) how well each true drawing, bent, fits its original.
    """
    weight = torch.stack([torch.ones_like(trust), trust / trust.mean()], dim=1)[:, :, None, None]
    wrong = torch.cat([painted.flatten(), mistaken.flatten()])
    return (weight * F.relu(1 - drawn)).mean() + F.relu(1 + wrong).mean()
