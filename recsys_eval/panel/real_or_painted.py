"""Can anybody tell? A fresh classifier of painted covers against real drawings, and its AUC on other subjects.

The classifier two-sample test of Lopez-Paz and Oquab (*Revisiting classifier two-sample tests*, ICLR 2017): a network
that nobody has seen before is trained on half of the subjects and asked about the other half, and the other way
round. 0.5: painted covers cannot be told from drawings; 1: always. Because it is new every time, nothing can be
tuned to it. Both kinds come from the same families and as many of the same subjects, on white, with the same colours.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jobs.lake.arrays import Floats, Pixels, Strings
from recsys_eval.judge.model import as_batch
from recsys_eval.panel.pairs import Pairs
from recsys_eval.statistics.bootstrap import Interval

STEPS = 400
"""Optimiser steps of a half."""
ROWS = 32
"""Pairs a step."""
RATE = 3e-3
SHIFT = 3
"""Pictures are moved up to so many pixels in training."""


@dataclass(frozen=True, kw_only=True)
class TwoSample:
    """How painted every picture looks to a classifier that saw neither it nor its subject: logits, (N,) each."""

    painted: Floats
    real: Floats


def two_sample_test(pairs: Pairs, *, seed: int = 0, steps: int = STEPS) -> TwoSample:
    """Train on one half of the subjects, ask about the other, and the other way round.

    Raises
    ------
    ValueError
        There are fewer than two subjects.
    """
    subjects = np.unique(pairs.painted.codes)
    if len(subjects) < 2:
        raise ValueError(f"{len(subjects)} subject cannot be halved: paint covers of several")
    order = np.random.default_rng(seed).permutation(subjects)
    first = np.isin(pairs.painted.codes, order[: len(order) // 2])
    found = TwoSample(painted=np.empty(len(pairs)), real=np.empty(len(pairs)))
    for turn, half in enumerate((first, ~first)):
        network = _train(pairs.take(half), seed=2 * seed + turn, steps=steps)
        found.painted[~half] = _logits(network, pairs.painted.pixels[~half])
        found.real[~half] = _logits(network, pairs.real[~half])
    return found


def _network() -> nn.Sequential:
    """Three convolutions and the mean over the picture: edges and texture, not what is shown."""
    layers: list[nn.Module] = []
    for before, after, size, stride in ((3, 16, 5, 2), (16, 32, 3, 2), (32, 48, 3, 1)):
        layers += [nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(48, 1))


def _train(pairs: Pairs, *, seed: int, steps: int) -> nn.Sequential:
    torch.manual_seed(seed)
    network = _network().train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    painted, real = (2 * as_batch(each) - 1 for each in (pairs.painted.pixels, pairs.real))
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    cycle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    target = torch.cat([torch.ones(ROWS), torch.zeros(ROWS)])
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(len(pairs), size=ROWS)
        x = _moved(torch.cat([painted[rows], real[rows]]), rng)
        loss = F.binary_cross_entropy_with_logits(network(x).squeeze(1), target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        cycle.step()
    return network.eval()


def _moved(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A batch moved over white and perhaps mirrored: the same for both halves of it."""
    down, across = rng.integers(2 * SHIFT + 1, size=2)
    height, width = x.shape[2:]
    x = F.pad(x, [SHIFT] * 4, value=1.0)[:, :, down : down + height, across : across + width]
    return (x.flip(3) if rng.random() < 0.5 else x).contiguous(memory_format=torch.channels_last)


def _logits(network: nn.Sequential, pixels: Pixels) -> Floats:
    with torch.inference_mode():
        parts = [network(2 * part - 1).squeeze(1) for part in torch.split(as_batch(pixels), 256)]
    return torch.cat(parts).double().numpy()


def auc(painted: Floats, real: Floats, codes: Strings, *, n: int = 1000, seed: int = 0) -> Interval:
    """Probability that a painted cover gets the higher logit than a drawing, subjects resampled.

    ``sum_ij w_i w_j [p_i > r_j] / sum_ij w_i w_j`` with ties one half (the Mann-Whitney statistic; Hanley and McNeil,
    Radiology 1982), where w counts how often a subject was drawn.

    Parameters
    ----------
    painted, real
        (N,) logits of each pair.
    codes
        (N,) subjects.
    n, seed
        Bootstrap replicates, and their seed.

    Examples
    --------
    >>> auc(np.array([0.0, 2.0]), np.array([1.0, -1.0]), np.array(["a", "b"]), n=10).value  # 3 of 4 pairs in order
    0.75
    """
    above = (painted[:, None] > real[None]).astype(np.float64) + 0.5 * (painted[:, None] == real[None])
    subjects, place = np.unique(codes, return_inverse=True)
    sums = np.zeros((len(subjects), len(subjects)))
    np.add.at(sums, (place[:, None], place[None]), above)
    count = np.bincount(place).astype(np.float64)
    weights = np.random.default_rng(seed).multinomial(len(subjects), np.full(len(subjects), 1 / len(subjects)), size=n)
    draws = np.einsum("ns,st,nt->n", weights, sums, weights, optimize=True) / np.square(weights @ count)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(sums.sum() / count.sum() ** 2), float(low), float(high), len(subjects))
