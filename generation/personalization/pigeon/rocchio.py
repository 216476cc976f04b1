r"""A preference computed again with masks as weights, and only its change.

The night's preference is :math:`\sum_{\text{clicked}} e / (n + k)` minus the same of skips
(:mod:`jobs.features.estimators.preference`). With :math:`w` events behind a row and a mask :math:`m` in [0, 1], the
clicked half is :math:`\sum m w e / (\sum m w + k)`. What is added to the preference that was told is this half minus
the same with all masks at 1: nothing, exactly, where nothing is masked.

Rows of a segment's history weigh their share of its events, together 1, of very many: there the shrinkage ``k`` is 0.
"""

import torch
from torch import Tensor

from generation.personalization.pigeon.history import Events

SHRINKAGE = 5.0
"""That of ``jobs.features.estimators.preference``."""
ALL_SHARES = 1.01
"""Weights of three clicks or more that add up to no more than this are shares."""


def shrinkage(events: Events) -> Tensor:
    """(B,) pseudo-events: 5 for a user, 0 for a segment's prototypes."""
    total = (events.weight * events.clicked).sum(1)
    shares = (total <= ALL_SHARES) & (events.clicks > 2)
    return torch.where(shares, 0.0, SHRINKAGE)


def liked(events: Events, kept: Tensor) -> Tensor:
    """(B, 160) the clicked half; ``kept`` (B, N) in [0, 1] are the masks."""
    weight = events.weight * events.clicked * kept
    total = torch.einsum("bn,bnd->bd", weight, events.look)
    return total / (weight.sum(1) + shrinkage(events)).clamp_min(1e-6)[:, None]


def change(events: Events, kept: Tensor) -> Tensor:
    """(B, 160) what masks change of a preference: exactly zero where all are 1."""
    return liked(events, kept) - liked(events, torch.ones_like(kept))
