"""Pairs of real drawings, ``--pairs clicks``: the one that somebody clicked, and another of the same subject.

The third rule of what is to be preferred. Nothing is painted and nothing judges: the rows are those of the second part
(:class:`~generation.personalization.pigeon.training.reconstruct.TaskSampler`), clicks of the log and of made-up users.
"""

import numpy as np
import torch
from torch import Tensor

from generation.alignment.pairwise import Pairs
from generation.diffusion.bridge import noise_of
from generation.diffusion.training.data import planes_of
from generation.diffusion.unet import to_planes
from generation.personalization.pigeon.training.painting import HistoryBatch
from generation.personalization.pigeon.training.pairs import rows_of
from generation.personalization.pigeon.training.reconstruct import TaskSampler


class ClickedPairs:
    """Draws pairs by a key.

    Parameters
    ----------
    sampler
        Of clicks.
    shape
        Of one row of noise.
    """

    def __init__(self, sampler: TaskSampler, shape: tuple[int, ...]) -> None:
        self.sampler, self.shape = sampler, shape

    def draw(self, key: int, rows: int, seed: int) -> Pairs[HistoryBatch]:
        """At most ``rows`` pairs: the clicked drawing, and one of its subject's others at random."""
        task, rng = self.sampler.draw(key), np.random.default_rng((seed, key))
        drawings = self.sampler.drawings
        subject = np.array([drawings.codes.index(item) for item in task.batch.item_ids])
        target = self.sampler.rows_of[subject, task.chosen.numpy()]
        other = np.empty_like(target)
        for place, (one, code) in enumerate(zip(target, subject, strict=True)):
            known = self.sampler.rows_of[code]
            other[place] = rng.choice(known[(known >= 0) & (known != one)])
        rejected = planes_of(drawings.pixels[other])
        some = torch.arange(min(rows, len(target)))
        noise: Tensor = noise_of(torch.arange(len(target)) + key * len(target), self.shape)
        return Pairs(
            batch=rows_of(task.batch, some),
            noise=noise[some],
            chosen=to_planes(task.target)[some],
            rejected=to_planes(rejected)[some],
        )
