r"""A preference as a few codes: residual quantisation, coarse to fine.

Codes are those of a residual quantiser (Lee et al., CVPR 2022, https://arxiv.org/abs/2203.01941), trained by
``vector-quantize-pytorch``: k-means start, moving averages, dead codes revived, and a prefix of the codes is a valid
coarser preference. What counts of a preference is which of an item's covers it puts first, not its length. So
preferences are scaled to length 1 in the metric of the score differences within items: with differences :math:`d` of
node vectors of one item, :math:`M = \mathrm{mean}\,d d^T` and :math:`y = M^{1/2} u / |M^{1/2} u|`, the squared error
of :math:`y` is that of the score differences of preferences that tell drawings apart equally strongly.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.preference_tokens import NONE
from jobs.lake.arrays import Floats, Floats32, Ints

CODES = 16
"""Codes of a level."""
LEVELS = {"visual": 3, "words": 2}
"""Levels of a modality."""


@dataclass(frozen=True, kw_only=True)
class Quantiser:
    """Codebooks in the metric of score differences."""

    metric: Tensor
    """(D, width): a preference to the space that is quantised."""
    codebooks: Tensor
    """(levels, 16, D)"""

    @property
    def levels(self) -> int:
        """How many codes a preference has."""
        return len(self.codebooks)

    def scaled(self, preferences: Tensor) -> Tensor:
        """(N, D) of preferences (N, width), of length 1; zeros stay."""
        scaled: Tensor = F.normalize(preferences @ self.metric.T, dim=1)
        return scaled

    def codes(self, preferences: Tensor) -> Ints:
        """(N, levels) nearest codes, each of what the coarser ones leave; all -1 of a preference of zeros."""
        left = self.scaled(preferences)
        known = left.ne(0).any(1)
        found = []
        for book in self.codebooks:
            nearest = torch.cdist(left, book).argmin(1)
            left = left - book[nearest]
            found.append(torch.where(known, nearest, NONE))
        return torch.stack(found, dim=1).numpy()

    def decoded(self, codes: Ints) -> Tensor:
        """(N, D) sums of the codes' vectors; -1 adds nothing."""
        chosen = torch.from_numpy(np.asarray(codes, np.int64))
        vectors = [
            torch.where(chosen[:, level, None] >= 0, book[chosen[:, level].clamp_min(0)], 0.0)
            for level, book in enumerate(self.codebooks)
        ]
        return torch.stack(vectors).sum(0)

    def distance(self, preferences: Tensor, codes: Ints) -> Floats:
        """(N,) of scaled preferences from what codes stand for; 0 where there is none."""
        apart = (self.scaled(preferences) - self.decoded(codes)).norm(dim=1)
        return np.asarray(torch.where(torch.from_numpy(codes[:, 0] >= 0), apart, 0.0).numpy(), np.float64)

    def directions(self) -> Tensor:
        """(width, D): node vectors v (N, width) score decoded codes by ``v @ directions @ decoded``."""
        back: Tensor = torch.linalg.pinv(self.metric)
        return back


def score_metric(nodes: Tensor, item: Ints, *, share: float = 0.97) -> Tensor:
    """(D, width) square root of the mean outer product of differences between node vectors of one item.

    Directions that hold the last ``1 - share`` of it are left out: they would be noise, blown up.

    Parameters
    ----------
    nodes
        (N, width) vectors.
    item
        (N,) what they are nodes of; those alone in it tell nothing.

    Examples
    --------
    >>> score_metric(torch.tensor([[1.0, 5.0], [-1.0, 5.0]]), np.array([0, 0])).abs().tolist()
    [[1.0, 0.0]]
    """
    number = torch.from_numpy(np.unique(item, return_inverse=True)[1])
    count = torch.bincount(number).clamp_min(1)
    means = torch.zeros(len(count), nodes.shape[1]).index_add_(0, number, nodes) / count[:, None]
    apart = (nodes - means[number])[count[number] > 1]
    values, vectors = torch.linalg.eigh(apart.T @ apart / max(len(apart), 1))
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    kept = int((values.cumsum(0) < share * values.sum()).sum()) + 1
    metric: Tensor = (vectors[:, :kept] * values[:kept].sqrt()).T.contiguous()
    return metric


def fit_codebooks(points: Tensor, levels: int, *, seed: int, rounds: int = 60) -> Tensor:
    """(levels, 16, D) codebooks of points (N, D) by residual vector quantisation.

    Parameters
    ----------
    points
        Of users and segments that training may see.
    levels
        Of the quantiser.
    seed
        Of starts and revivals.
    rounds
        Passes over all points.
    """
    from vector_quantize_pytorch import ResidualVQ

    torch.manual_seed(seed)
    quantiser = ResidualVQ(
        dim=points.shape[1],
        codebook_size=CODES,
        num_quantizers=levels,
        kmeans_init=True,
        kmeans_iters=50,
        decay=0.8,
        threshold_ema_dead_code=2,
        rotation_trick=True,
        commitment_weight=0.25,
        quantize_dropout=True,
    )
    quantiser.train()
    with torch.no_grad():
        for _ in range(rounds):
            quantiser(points[None])
    books: Tensor = quantiser.codebooks.detach().clone()
    return books


def perplexity(codes: Ints) -> float:
    """Exponential of the entropy of how often codes are used: ``CODES`` where all are used alike.

    Examples
    --------
    >>> perplexity(np.array([0, 0, 1, 1])), round(perplexity(np.array([3, 3, 3])), 6)
    (2.0, 1.0)
    """
    share = np.bincount(codes, minlength=CODES) / max(len(codes), 1)
    used = share[share > 0]
    return float(np.exp(-(used * np.log(used)).sum()))


def cut_to_shared(codes: Ints, least: int) -> Ints:
    """Codes of users, each cut to the longest prefix that ``least`` users share; -1 behind it.

    Parameters
    ----------
    codes
        (N, levels)
    least
        Users that must share a prefix.

    Examples
    --------
    >>> cut_to_shared(np.array([[1, 2], [1, 2], [1, 3], [0, 0]]), 2).tolist()
    [[1, 2], [1, 2], [1, -1], [-1, -1]]
    """
    cut = np.full_like(codes, NONE)
    for level in range(codes.shape[1]):
        known = codes[:, level] >= 0
        if not known.any():
            break
        _, where, holders = np.unique(codes[known, : level + 1], axis=0, return_inverse=True, return_counts=True)
        shared = np.zeros(len(codes), bool)
        shared[known] = holders[where.reshape(-1)] >= least
        if level:
            shared &= cut[:, level - 1] >= 0
        cut[shared, level] = codes[shared, level]
    return cut


def kept_share(points: Floats32, decoded: Floats32) -> float:
    """Share of the points' variance that what stands for them keeps."""
    apart = ((points - decoded) ** 2).sum()
    return float(1 - apart / ((points - points.mean(axis=0)) ** 2).sum())
