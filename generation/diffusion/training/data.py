"""Training pairs for the built-in generator, and preferences made without a click.

A pair is one subject drawn by two families: the reference and the target. The preference
that asks for the target's family is simulated as the night computes it from clicks: the
mean embedding of pictures somebody with that taste would have clicked, minus the mean of
what they would have skipped. Only training subjects are ever drawn from.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from generation.diffusion.training.registration import Registration, bend, register
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import Encoders, encode_pictures

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
    bent: Tensor
    """(B, 3, 64, 64): the target bent to the reference's outlines; the target itself without :class:`Bends`."""
    trust: Tensor
    """(B,) in (0, 1]: how well it fits there."""


class Bends:
    """How every drawing of a split must be bent to lie on every other drawing of its subject.

    Parameters
    ----------
    drawings
        Of the split.
    cache
        safetensors file that keeps what was found, some minutes' work for the training subjects; made when missing.

    Raises
    ------
    ValueError
        The file was made for other drawings.
    """

    def __init__(self, drawings: Drawings, cache: Path) -> None:
        rows = [np.flatnonzero(drawings.subject == subject) for subject in range(len(drawings.codes))]
        pairs = [(one, other) for some in rows for one in some for other in some if one != other]
        self.reference, self.drawing = np.array(pairs).T
        self.number = {pair: number for number, pair in enumerate(pairs)}
        digest = hashlib.sha256(drawings.pixels.tobytes()).hexdigest()
        if not cache.is_file():
            found = register(drawings.pixels, self.reference, self.drawing)
            cache.parent.mkdir(parents=True, exist_ok=True)
            save_file(found._asdict(), cache, {"pixels": digest})
        with safe_open(cache, "pt") as archive:
            if archive.metadata()["pixels"] != digest:
                raise ValueError(f"{cache} belongs to other drawings: delete it")
            found = Registration(archive.get_tensor("places"), archive.get_tensor("misfit"))
        self.places = found.places
        self.trust = self._trusted(found.misfit, drawings.family)

    def _trusted(self, misfit: Tensor, family: NDArray[np.int64]) -> Tensor:
        """(P,): 1 for a perfect fit, 1/2 for the median of the two families, nearly 0 from twice of it."""
        trust = torch.zeros(len(misfit))
        kinds = torch.from_numpy(family[self.reference] * 1000 + family[self.drawing])
        for kind in torch.unique(kinds):
            some = kinds == kind
            trust[some] = 1 / (1 + (misfit[some] / misfit[some].median()) ** 4)
        return trust

    def __call__(
        self, references: NDArray[np.int64], targets: NDArray[np.int64], drawn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Bent targets and how far to trust them; ``drawn`` (B, 3, 64, 64) are the targets as they are."""
        bent, trust = drawn.clone(), torch.ones(len(drawn))
        other = np.flatnonzero(references != targets)
        if other.size:
            found = torch.tensor([self.number[pair] for pair in zip(references[other], targets[other], strict=True)])
            bent[other] = bend(drawn[other], self.places[found])
            trust[other] = self.trust[found]
        return bent, trust


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
        bends: Bends | None = None,
    ) -> None:
        self.drawings = drawings
        self.bends = bends
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
        bent, trust = target, torch.ones(batch)
        if self.bends is not None:
            bent, trust = self.bends(np.array(references), np.array(targets), target)
        if self.jitter:
            reference, target, bent = _jitter([reference, target, bent], rng)
        return Pairs(
            reference,
            target,
            torch.from_numpy(self.drawings.text[subjects]),
            torch.from_numpy(np.stack(preferences)),
            torch.from_numpy(self.drawings.family[targets]),
            torch.from_numpy(self.drawings.look[[references, targets]]),
            subjects,
            bent,
            trust,
        )

    def _pixels(self, rows: NDArray[np.int64]) -> Tensor:
        return planes_of(self.drawings.pixels[rows])


def planes_of(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, 64, 64, 3) uint8 -> (N, 3, 64, 64) float32 in [-1, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def _jitter(pictures: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """All pictures of a row mirrored (half of the time) and shifted by up to two pixels, alike."""
    flips = torch.from_numpy(rng.random(len(pictures[0])) < 0.5).view(-1, 1, 1, 1)
    shifts = tuple(int(s) for s in rng.integers(-2, 3, size=2))
    return [torch.roll(torch.where(flips, each.flip(3), each), shifts, dims=(2, 3)) for each in pictures]
