"""The reader: a small network that tells which subject a drawing shows and which family drew it.

The generator's training asks it whether a painted picture still shows its subject and which family it
looks like. The image encoder cannot say: its features come from photographs, and to them a smudged
drawing and a clean one are much the same. The reader is trained from nothing on the training subjects,
also on drawings bent to other families' outlines, and is not needed to paint. Neither the rewards nor
the judge share anything with it.

References
----------
- Second-order statistics of features as a description of style: Gatys et al., *Image style transfer
  using convolutional neural networks*, CVPR 2016.
- Attention pooling by learned queries: Lee et al., *Set transformer*, ICML 2019.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from jobs.stickers.pack import FAMILIES

EMBEDDING_DIM = 128
READER_SEEDS = (11, 12)
"""Of the readers that take turns in the generator's training."""
QUERIES = 8
TEXTURES = 24
"""Channels whose products describe the style at one depth."""


class Reading(NamedTuple):
    """What the reader says of B pictures."""

    subject: Tensor
    """(B, 128) float32, L2-normalised: near for two drawings of one subject."""
    family: Tensor
    """(B, 6) float32 logits."""


class Residual(nn.Module):
    """Two 3 x 3 convolutions with group normalisation around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))
        self.norms = nn.ModuleList(nn.GroupNorm(8, channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        inner = self.first(F.silu(self.norms[0](x)))
        result: Tensor = x + self.second(F.silu(self.norms[1](inner)))
        return result


class Reader(nn.Module):
    """Pictures (B, 3, 64, 64) in [-1, 1] to a :class:`Reading`."""

    def __init__(self, widths: tuple[int, int, int] = (40, 80, 160)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 4, 2, 1)
        downs = [nn.Identity(), *(nn.Conv2d(a, b, 2, 2) for a, b in itertools.pairwise(widths))]
        self.stages = nn.ModuleList(
            nn.Sequential(down, Residual(width), Residual(width)) for down, width in zip(downs, widths, strict=True)
        )
        self.textures = nn.ModuleList(nn.Conv2d(width, TEXTURES, 1) for width in widths)
        self.norm = nn.GroupNorm(8, widths[-1])
        self.places = nn.Parameter(0.02 * torch.randn(1, widths[-1], 8, 8))
        self.queries = nn.Conv2d(widths[-1], QUERIES, 1)
        self.subject = nn.Linear(QUERIES * widths[-1], EMBEDDING_DIM)
        pairs = TEXTURES * (TEXTURES + 1) // 2 + TEXTURES
        self.family = nn.Sequential(
            nn.LayerNorm(len(widths) * pairs), nn.Dropout(0.2), nn.Linear(len(widths) * pairs, len(FAMILIES))
        )

    def forward(self, pixels: Tensor) -> Reading:
        """Read pictures."""
        x = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        styles = []
        for stage, textures in zip(self.stages, self.textures, strict=True):
            x = stage(x)
            styles.append(_products(textures(x)))
        x = self.norm(x) + self.places
        attention = self.queries(x).flatten(2).softmax(2)
        pooled = torch.einsum("bqp,bcp->bqc", attention, x.flatten(2)).flatten(1)
        subject = F.normalize(self.subject(pooled).float(), dim=1)
        return Reading(subject=subject, family=self.family(torch.cat(styles, dim=1)).float())

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, path)

    @classmethod
    def load(cls, path: Path) -> "Reader":
        """Read what :meth:`save` wrote, frozen.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: make it with `coverlift train reader`")
        reader = cls()
        reader.load_state_dict(load_file(path))
        return reader.eval().requires_grad_(False)


def reader_file(seed: int) -> Path:
    """Where the reader of a seed is kept."""
    return Path(f"var/generator/reader-{seed}.safetensors")


def augmented(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures as the reader should see them, each changed by itself, so that no pattern of single pixels wins it.

    Shifted by up to 4 pixels; half of them scaled by up to a tenth; blurred and noised a little: an expectation
    over transformations (Athalye et al., ICML 2018, https://arxiv.org/abs/1707.07397).
    """
    rows = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(rows, generator=rng)

    zoom = torch.where(uniform(0, 1) < 0.5, uniform(0.9, 1.1), torch.ones(rows))
    shift = torch.randint(-4, 5, (rows, 2), generator=rng) / 32
    theta = torch.zeros(rows, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False).to(pictures)
    pictures = 1 + F.grid_sample(pictures - 1, grid, padding_mode="zeros", align_corners=False)
    soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    pictures = torch.lerp(pictures, soft, uniform(-1, 0.6).clamp_min(0).view(-1, 1, 1, 1).to(pictures))
    noise = uniform(0, 0.06).view(-1, 1, 1, 1)
    return pictures + (noise * torch.randn(pictures.shape, generator=rng)).to(pictures)


def _products(maps: Tensor) -> Tensor:
    """Means of (B, C, H, W) and of the products of any two channels, (B, C + C (C + 1) / 2)."""
    flat = maps.float().flatten(2)
    gram = flat @ flat.transpose(1, 2) / flat.shape[2]
    row, column = torch.triu_indices(flat.shape[1], flat.shape[1])
    products = gram[:, row, column]
    return torch.cat([flat.mean(2), products.sign() * (products.abs() + 1e-4).sqrt()], dim=1)
