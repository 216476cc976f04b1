"""Third part, the paper's stage 2: pairs of Pigeon's own pictures, and which of the two is to be preferred.

An item is painted for somebody from the same noise at several ratios of masked clicks and of hidden places of the
reference. The **ratio that made a picture is the one it is learned with**: a pair is two pictures, and the row that
learns has the ratios of the chosen one. Pictures that differ in their masks alone hardly differ
(``docs/experiments/2026-11-30_pigeon-painted.md``), so the same item is also painted for ``others`` of the batch: what
somebody else would be shown may be better for this one, and then their own history, unmasked, learns it.

Two rules say which is better (a third, ``clicks``, takes real drawings:
:mod:`~generation.personalization.pigeon.training.clicked_pairs`):

- ``personal`` (default): the reward of the night, its click model through readers of drawings and whether the subject
  is recognised (:class:`~generation.personalization.training.reader_reward.ReadReward`);
- ``history``, the paper's: the cosine of a picture's style to the clicked covers, false clicks among them.

Pairs whose margin is under the median of all are left out. Items and users are training ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.alignment.pairwise import Pairs
from generation.diffusion.bridge import noise_of
from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.training.painting import HistoryBatch, HistorySampler, PigeonPainting
from generation.personalization.training.painting import WorldBatch
from jobs.lake.arrays import Ints
from reward_model.encoders.model import ImageEncoder

GRID = ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.6, 0.6))
"""Ratios of clicks and of places that an item is painted at for somebody."""

OTHERS = 3
"""Histories of others of the batch that an item is painted for too."""

Rule = Literal["personal", "history", "clicks"]
RowsT = TypeVar("RowsT", bound=WorldBatch)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Pictures of one draw: at every place of the grid, then for each of the others."""

    key: int
    planes: Tensor
    """(G + O, B, C, H, W) float16."""
    worth: Tensor
    """(G + O, B) to whom the rows are for."""


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
    others
        For how many others of the batch an item is painted too; fewer than a batch has rows.
    """

    def __init__(
        self,
        painting: PigeonPainting,
        sampler: HistorySampler,
        worth: Callable[[Tensor, HistoryBatch], Tensor],
        draws: int,
        say: Callable[[str], None] = print,
        *,
        others: int = OTHERS,
    ) -> None:
        self.painting, self.sampler, self.worth, self.others = painting, sampler, worth, others
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
        count = self.sampler.sampler.rows
        mine = [self.rows(key, np.full(count, place)) for place in range(len(GRID))]
        own, noise = mine[0]
        batches = [batch for batch, _ in mine]
        batches += [
            replace(own, history=own.history.roll(turn, 0), preference=own.preference.roll(turn, 0))
            for turn in range(1, 1 + min(self.others, count - 1))
        ]
        planes, worth = [], []
        for batch in batches:
            x = self.painting.start(batch, noise).x
            clean = self.painting.predict_clean(
                x, self.painting.schedule(1), 0, batch, self.painting.condition(batch)
            ).float()
            planes.append(clean.half())
            worth.append(self.worth(self.painting.decode(clean), own))
        return Found(key=key, planes=torch.stack(planes), worth=torch.stack(worth))

    def apart(self) -> float:
        """Mean squared difference of the two pictures of a pair, over the pairs that are kept."""
        gaps = []
        for draw, row in self.kept:
            found = self.found[draw]
            best, worst = int(found.worth[:, row].argmax()), int(found.worth[:, row].argmin())
            gaps.append((found.planes[best, row].float() - found.planes[worst, row].float()).square().mean())
        return float(torch.stack(gaps).mean())

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
        at = chosen.where(chosen < len(GRID), 0)
        batch, noise = self.rows(found.key, at.numpy())
        some = torch.tensor(by_draw[number][:rows])
        every = torch.arange(found.planes.shape[1])
        planes = found.planes.float()
        return Pairs(
            batch=rows_of(batch, some),
            noise=noise[some],
            chosen=planes[chosen, every][some],
            rejected=planes[rejected, every][some],
        )


def rows_of(batch: RowsT, some: Tensor) -> RowsT:
    """Some rows of a batch."""
    told: dict[str, Any] = {}
    for name, value in vars(batch).items():
        told[name] = value[some] if isinstance(value, Tensor) else [value[int(row)] for row in some]
    return type(batch)(**told)


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
