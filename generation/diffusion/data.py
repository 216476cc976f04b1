"""Training pairs for the built-in generator, and preferences made without a click.

A pair is one subject drawn by two families: the reference and the target. The preference
that asks for the target's family is simulated as the night computes it from clicks: the
mean embedding of pictures somebody with that taste would have clicked, minus the mean of
what they would have skipped. Only training subjects are ever drawn from.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.ingest.stickers.pack import PicturePack
from reward_model.encoders import Encoders, encode_pictures

CLICKED = 48
"""Clicked pictures in a simulated history; a segment's centroid averages many more, so half are means."""
SAME_FAMILY = 0.3
"""Share of pairs whose families are drawn independently, so that one in twenty asks for no change."""


@dataclass(frozen=True)
class Drawings:
    """All pictures of one split with what the encoders say of them.

    ``pixels`` (N, 64, 64, 3) uint8; ``subject`` and ``family`` (N,) int64; ``look`` (N, 160)
    float32 = embedding then style; ``text`` (S, 384) float32, one row a subject.
    """

    pixels: NDArray[np.uint8]
    subject: NDArray[np.int64]
    family: NDArray[np.int64]
    look: NDArray[np.float32]
    text: NDArray[np.float32]
    codes: tuple[str, ...]
    families: tuple[str, ...]


def load_drawings(pack: PicturePack, encoders: Encoders, split: str) -> Drawings:
    """Decode and encode every picture of a split."""
    codes = tuple(pack.codes(split))  # type: ignore[arg-type]
    rows = [
        (number, pack.families.index(family), pack.pixels(code, family))
        for number, code in enumerate(codes)
        for family in pack.families_of(code)
    ]
    pixels = np.stack([row[2] for row in rows])
    embedding, style = encode_pictures(encoders.image, pixels, 128)
    labels = {subject.code: subject.labels["en"] for subject in pack.subjects}
    raw, _ = encoders.text.encode([labels[code] for code in codes])
    return Drawings(
        pixels,
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.concatenate([embedding, style], axis=1),
        raw,
        codes,
        pack.families,
    )


@dataclass(frozen=True)
class Pairs:
    """A batch: everything a training step needs.

    ``reference``, ``target`` (B, 3, 64, 64) float32 in [-1, 1]; ``text`` (B, 384);
    ``preference`` (B, 160); ``family`` (B,) int64 of the target; ``looks`` (2, B, 160) of reference and target, before
    they are mirrored and shifted; ``subject`` (B,) places in ``Drawings.codes``.
    """

    reference: Tensor
    target: Tensor
    text: Tensor
    preference: Tensor
    family: Tensor
    looks: Tensor
    subject: NDArray[np.int64]


class PairSampler:
    """Draws random pairs; the batch of a step depends only on the seed and the step."""

    def __init__(
        self,
        drawings: Drawings,
        *,
        seed: int,
        drop: float = 0.1,
        same_family: float = SAME_FAMILY,
        jitter: bool = True,
    ) -> None:
        self.drawings = drawings
        self.seed = seed
        self.drop, self.same_family, self.jitter = drop, same_family, jitter
        count = len(drawings.families)
        self.by_family = [np.flatnonzero(drawings.family == family) for family in range(count)]
        self.row = np.full((len(drawings.codes), count), -1)
        self.row[drawings.subject, drawings.family] = np.arange(len(drawings.family))

    def preference(self, family: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(160,) a simulated history's preference for ``family``, more or less pure.

        The share of other families among the clicks is uniform between 0 and 0.6, and the
        family asked for stays the most clicked one.
        """
        count = len(self.by_family)
        other = rng.dirichlet(np.ones(count)) * rng.uniform(0, 0.6)
        weight = other + (1 - other.sum()) * np.eye(count)[family]
        clicked = rng.choice(count, CLICKED, p=weight)
        looks = self.drawings.look
        liked = np.mean([looks[rng.choice(self.by_family[kind])] for kind in clicked], axis=0)
        skipped = looks[rng.integers(len(looks), size=2 * CLICKED)].mean(0)
        preference: NDArray[np.float32] = (liked - skipped).astype(np.float32)
        return preference

    def draw(self, step: int, batch: int, *, stream: int = 0) -> Pairs:
        """The pairs of a step, others in another stream.

        One pair in ten has no preference and keeps the reference's family.
        """
        rng = np.random.default_rng((self.seed, step, stream))
        subjects = rng.integers(len(self.row), size=batch)
        references, targets, preferences = [], [], []
        for subject in subjects:
            rows = self.row[subject]
            present = np.flatnonzero(rows >= 0)
            source, wanted = rng.choice(present, 2, replace=rng.random() < self.same_family)
            dropped = rng.random() < self.drop
            wanted = source if dropped else wanted
            references.append(rows[source])
            targets.append(rows[wanted])
            preferences.append(np.zeros(160, np.float32) if dropped else self.preference(wanted, rng))
        reference, target = self._pixels(np.array(references)), self._pixels(np.array(targets))
        if self.jitter:
            reference, target = _jitter(reference, target, rng)
        return Pairs(
            reference,
            target,
            torch.from_numpy(self.drawings.text[subjects]),
            torch.from_numpy(np.stack(preferences)),
            torch.from_numpy(self.drawings.family[targets]),
            torch.from_numpy(self.drawings.look[[references, targets]]),
            subjects,
        )

    def _pixels(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.drawings.pixels[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1


def _jitter(reference: Tensor, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Both pictures mirrored (half of the time) and shifted by up to two pixels, alike."""
    flips = torch.from_numpy(rng.random(len(reference)) < 0.5).view(-1, 1, 1, 1)
    shifts = tuple(int(s) for s in rng.integers(-2, 3, size=2))
    moved = [
        torch.roll(torch.where(flips, pictures.flip(3), pictures), shifts, dims=(2, 3))
        for pictures in (reference, target)
    ]
    return moved[0], moved[1]
