"""Third part, the paper's stage 2: pairs of Pigeon's own pictures, and which of the two is to be preferred.

An item is painted for somebody from the same noise at several ratios of masked clicks and of hidden places of the
reference. The **ratio that made a picture is the one it is learned with**: a pair is two pictures, and the row that
learns has the ratios of the chosen one. Two rules say which is better:

- ``personal`` (default): the reward of the night, its click model through readers of drawings and whether the subject
  is recognised (:class:`~generation.personalization.training.reader_reward.ReadReward`);
- ``history``, the paper's: the cosine of a picture's style to the clicked covers, false clicks among them.

Pairs whose margin is under the median of all are left out. Items and users are training ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.alignment.pairwise import Pairs
from generation.diffusion.bridge import noise_of
from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.training.painting import HistoryBatch, HistorySampler, PigeonPainting
from jobs.lake.arrays import Ints
from reward_model.encoders.model import ImageEncoder

GRID = ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.6, 0.6))
"""Ratios of clicks and of places that an item is painted at for somebody."""

Rule = Literal["personal", "history"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """Pictures of one draw at every place of the grid."""

    key: int
    planes: Tensor
    """(G, B, C, H, W) float16."""
    worth: Tensor
    """(G, B)"""


class PairBook:
    """Paints, judges and keeps pairs.

    Parameters
    ----------
    painting
        With the weights that paint the pairs.
    sampler
        Rows; both ratios are set by the grid.
    worth
        (B,) of pictures (B, 3, 64, 64) in [0, 1] for the rows of a batch; greater is better.
    draws
        How many batches are painted.
    """

    def __init__(
        self,
        painting: PigeonPainting,
        sampler: HistorySampler,
        worth: Callable[[Tensor, HistoryBatch], Tensor],
        draws: int,
        say: Callable[[str], None] = print,
    ) -> None:
        self.painting, self.sampler, self.worth = painting, sampler, worth
        self.found = []
        for key in range(draws):
            self.found.append(self._painted(key))
            if key % 10 == 9:
                say(f"{key + 1} of {draws} batches of pairs painted")
        margins = torch.stack([each.worth.amax(0) - each.worth.amin(0) for each in self.found])
        self.least = float(margins.median())
        self.kept = [(int(draw), int(row)) for draw, row in (margins >= self.least).nonzero()]

    @torch.no_grad()
    def _painted(self, key: int) -> Found:
        planes, worth = [], []
        for place in range(len(GRID)):
            batch, noise = self.rows(key, np.full(self.sampler.sampler.rows, place))
            x = self.painting.start(batch, noise).x
            clean = self.painting.predict_clean(
                x, self.painting.schedule(1), 0, batch, self.painting.condition(batch)
            ).float()
            planes.append(clean.half())
            worth.append(self.worth(self.painting.decode(clean), batch))
        return Found(key=key, planes=torch.stack(planes), worth=torch.stack(worth))

    def rows(self, key: int, place: Ints) -> tuple[HistoryBatch, Tensor]:
        """The rows of a draw, each at a place of the grid, and the noise that all of its pictures start from."""
        batch, rows = self.sampler.sampler.draw(key)
        ratio, unseen = np.array(GRID)[place].T
        rng = np.random.default_rng((self.sampler.sampler.seed, key, 2))
        told = self.sampler.told(batch, ratio, unseen, rng)
        return told, noise_of(torch.arange(rows) + key * rows, self.painting.shape)

    def draw(self, key: int, rows: int, seed: int) -> Pairs[HistoryBatch]:
        """Pairs of a key: a draw's rows, those with too small a margin with no weight of their own left out."""
        rng = np.random.default_rng((seed, key))
        by_draw: dict[int, list[int]] = {}
        for draw, row in self.kept:
            by_draw.setdefault(draw, []).append(row)
        number = list(by_draw)[int(rng.integers(len(by_draw)))]
        found = self.found[number]
        chosen, rejected = found.worth.argmax(0), found.worth.argmin(0)
        batch, noise = self.rows(found.key, chosen.numpy())
        some = torch.tensor(by_draw[number][:rows])
        every = torch.arange(found.planes.shape[1])
        planes = found.planes.float()
        return Pairs(
            batch=rows_of(batch, some),
            noise=noise[some],
            chosen=planes[chosen, every][some],
            rejected=planes[rejected, every][some],
        )


def rows_of(batch: HistoryBatch, some: Tensor) -> HistoryBatch:
    """Some rows of a batch."""
    told: dict[str, Any] = {}
    for name, value in vars(batch).items():
        told[name] = value[some] if isinstance(value, Tensor) else [value[int(row)] for row in some]
    return HistoryBatch(**told)


def by_history(encoder: ImageEncoder) -> Callable[[Tensor, HistoryBatch], Tensor]:
    """The paper's rule: mean cosine of a picture's style to the clicked covers, by how many events each stands for."""

    def worth(pixels: Tensor, batch: HistoryBatch) -> Tensor:
        events = Events.of(batch.history)
        weight = events.weight * events.clicked
        style = F.normalize(events.look[..., 128:], dim=-1)
        mean = (weight[..., None] * style).sum(1) / weight.sum(1, keepdim=True).clamp_min(1e-6)
        found: Tensor = (encoder(pixels).style * mean).sum(1)
        return found

    return worth
