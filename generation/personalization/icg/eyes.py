"""Eyes that learnt to read drawings, for the adapter's training.

The aligned encoder's features come from photographs. It tells real drawings of different families apart, but a
painted picture can move its style embedding with blotches that no family draws (``docs/generator.md``), and so
please the click model, which looks through it. The readers of the generator's training
(:mod:`generation.diffusion.reader`) learnt from drawings alone. Here they stand between the painted picture and the
click model: the style that it is told of is that of real drawings of the families that the readers recognise. The
model itself is the night's, unchanged, and knows nothing of families.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.alignment.draft import Rewarded
from generation.diffusion.data import Drawings
from generation.diffusion.reader import Reader, Reading
from generation.personalization.icg.painting import WorldBatch
from generation.personalization.icg.rewarding import view_of
from generation.rewards.base import RewardPanel
from reward_model.encoders import EMBED_DIM, Encoded, ImageEncoder, compute_dtype

DISTANCE = 0.2
"""How far apart, in a reader's cosine, two families' drawings of a subject are: the unit of ``recognised``."""


class ReadReward:
    """A panel of differentiable rewards on painted pixels as readers see them, and how well they know the subject.

    Parameters
    ----------
    panel
        All of them differentiable. They are given the encoder's embedding, which says what a picture shows, and as its
        style the mean style of the families that readers recognise, weighted by how surely.
    encoder
        The aligned encoder.
    readers
        What they say is averaged.
    drawings
        Real drawings of training subjects, for the mean styles.
    recognised
        Weight of the cosine to the original cover, in the readers' space of subjects, over ``DISTANCE``.
    """

    def __init__(
        self,
        panel: RewardPanel,
        encoder: ImageEncoder,
        readers: Sequence[Reader],
        drawings: Drawings,
        *,
        recognised: float,
    ) -> None:
        self.panel, self.encoder, self.readers, self.recognised = panel, encoder, readers, recognised
        styles = [drawings.look[drawings.family == each, EMBED_DIM:].mean(0) for each in np.unique(drawings.family)]
        self.styles = torch.from_numpy(np.stack(styles))

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
        style = F.normalize(family @ self.styles.to(family), dim=1)
        seen = Encoded(embedding=self.encoder(pixels).embedding, style=style)
        parts, total = self.panel.value(view_of(pixels, batch, given=seen))
        cosines = [(one.subject * other.subject).sum(1) for one, other in zip(painted, original, strict=True)]
        near = torch.stack(cosines).mean(0)
        return Rewarded(total=total + self.recognised * near / DISTANCE, parts={**parts, "recognised": near})


def _read(reader: Reader, pictures: Tensor) -> Reading:
    """In the compute type of this machine."""
    device = pictures.device.type
    dtype = compute_dtype(device)
    with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
        reading: Reading = reader(pictures)
    return reading
