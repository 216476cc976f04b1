"""Eyes that learnt to read drawings, for the adapter's training.

The aligned encoder's features come from photographs. It tells real drawings of different families apart, but a
painted picture can move its style embedding with blotches that no family draws (``docs/generator.md``), and so
please the click model, which looks through it. The readers of the generator's training
(:mod:`generation.diffusion.training.reader`) learnt from drawings alone. Here they stand between the painted picture
and the click model: the model, the night's and unchanged, says what a segment or a user thinks of each family's real
drawings (:class:`Tastes`), and the readers say of which family a painted picture is.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.alignment.draft import Rewarded
from generation.diffusion.training.data import Drawings
from generation.diffusion.training.reader import Reader, Reading
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.rewarding import view_of
from generation.rewards.base import RewardPanel
from generation.rewards.personal import PairProbability
from reward_model.encoders.model import EMBED_DIM, Encoded, ImageEncoder
from reward_model.precision import autocast, compute_dtype

DISTANCE = 0.2
"""How far apart, in a reader's cosine, two families' drawings of a subject are: the unit of ``recognised``."""


FAINTEST = 0.03
"""Spread of log odds over families below which somebody is taken to have no taste: the model's own noise."""


class Tastes:
    """What the click model thinks each family is worth to a segment or a user, all of them on one scale.

    A click model shrinks what it is unsure of, and some segments' tastes far more than others': climbed as it is, the
    reward pulls hardest where the picture is right already. So the log odds of a click are centred over the families
    and divided by their spread, for everybody apart.

    Parameters
    ----------
    clicks
        The click model.
    styles
        (6, 32) mean style of each family's real drawings.
    item_ids, embeddings
        (N,) and (N, 128) of the items whose clicks are averaged, as covers of each style in turn.
    """

    def __init__(self, clicks: PairProbability, styles: Tensor, item_ids: Sequence[str], embeddings: Tensor) -> None:
        self.clicks, self.styles, self.item_ids, self.embeddings = clicks, styles, list(item_ids), embeddings
        self._known: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, whom: Sequence[str]) -> Tensor:
        """(N, 6) worth of each family to segments or users; mean 0 and spread 1, or less where there is no taste."""
        for name in set(whom) - set(self._known):
            self._known[name] = self._of(name)
        return torch.stack([self._known[name] for name in whom])

    def _of(self, name: str) -> Tensor:
        families, items = len(self.styles), len(self.item_ids)
        style = self.styles.repeat_interleave(items, 0)
        vectors = torch.cat([self.embeddings.repeat(families, 1), style], dim=1)
        chance = self.clicks([name] * len(vectors), self.item_ids * families, vectors)
        worth = torch.logit(chance.double(), eps=1e-6).reshape(families, items).mean(1)
        centred = worth - worth.mean()
        return (centred / centred.std(correction=0).clamp_min(FAINTEST)).float()


class ReadReward:
    """Differentiable rewards on painted pixels as readers see them: whose style it is, and whether it is the subject.

    Parameters
    ----------
    panel
        Rewards besides the personal one, all of them differentiable. They are given the encoder's embedding, which says
        what a picture shows, and as its style the mean style of the families that readers recognise, by how surely.
    tastes
        What the families are worth; their mean, by how surely readers recognise each, is the part ``personal``.
    personal
        Its weight.
    encoder
        The aligned encoder.
    readers
        What they say is averaged.
    recognised
        Weight of the cosine to the original cover, in the readers' space of subjects, over ``DISTANCE``.
    """

    def __init__(
        self,
        panel: RewardPanel,
        tastes: Tastes,
        encoder: ImageEncoder,
        readers: Sequence[Reader],
        *,
        personal: float,
        recognised: float,
    ) -> None:
        self.panel, self.tastes, self.encoder, self.readers = panel, tastes, encoder, readers
        self.personal, self.recognised = personal, recognised

    def __call__(self, pixels: Tensor, batch: WorldBatch) -> Rewarded:
        """Weighted sum of the normalised rewards and ``recognised``, and each one raw.

        Parameters
        ----------
        pixels
            (B, 3, 64, 64) in [0, 1].
        batch
            Of the same rows.
        """
        pixels = pixels.float().to(batch.reference.device)
        painted = [_read(reader, 2 * pixels - 1) for reader in self.readers]
        with torch.no_grad():
            original = [_read(reader, batch.reference) for reader in self.readers]
        family = torch.stack([reading.family.softmax(1) for reading in painted]).mean(0)
        style = F.normalize(family @ self.tastes.styles.to(family), dim=1)
        seen = Encoded(embedding=self.encoder(pixels).embedding, style=style)
        parts, total = self.panel.value(view_of(pixels, batch, given=seen))
        cosines = [(one.subject * other.subject).sum(1) for one, other in zip(painted, original, strict=True)]
        near = torch.stack(cosines).mean(0)
        worth = (family * self.tastes(batch.whom).to(family)).sum(1)
        total = total + self.personal * worth + self.recognised * near / DISTANCE
        return Rewarded(total=total, parts={**parts, "personal": worth, "recognised": near})


def mean_styles(drawings: Drawings) -> Tensor:
    """(6, 32): the mean style of each family's drawings."""
    means = [drawings.look[drawings.family == each, EMBED_DIM:].mean(0) for each in np.unique(drawings.family)]
    return torch.from_numpy(np.stack(means))


def _read(reader: Reader, pictures: Tensor) -> Reading:
    """In the compute type of this machine."""
    with autocast(pictures.device, compute_dtype(pictures.device)):
        reading: Reading = reader(pictures)
    return reading
