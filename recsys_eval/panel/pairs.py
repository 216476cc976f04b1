"""What the panel compares: painted covers, each beside the real drawing of its subject in the family it was meant for.

Real drawings have colours of seven bits (the lowest bit of the pack's files is a copy of the highest), so painted
ones get the same before anybody looks at both: else the lowest bit alone would tell them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Flags, Ints, Pixels
from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.judge.image_metrics import Pictures


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """``N`` painted covers and their real drawings."""

    painted: Pictures
    """``families`` are those that the covers were painted for."""
    real: Pixels
    """(N, 64, 64, 3) the drawing of the same subject in the same family."""

    def __len__(self) -> int:
        return len(self.real)

    def take(self, rows: Ints | Flags) -> "Pairs":
        """The same of some rows."""
        painted = self.painted
        some = Pictures(pixels=painted.pixels[rows], codes=painted.codes[rows], families=painted.families[rows])
        return Pairs(painted=some, real=self.real[rows])

    def sample(self, per_family: int, seed: int = 0) -> "Pairs":
        """At most so many pairs a family, drawn by a seed; the order stays."""
        order = np.random.default_rng(seed).permutation(len(self))
        kept = [order[self.painted.families[order] == family][:per_family] for family in range(len(FAMILIES))]
        return self.take(np.sort(np.concatenate(kept)))


def pairs_of(pack: PicturePack, pixels: Pixels, codes: Sequence[str], families: Ints) -> Pairs:
    """Pair covers with real drawings; covers of subjects that the family does not draw are left out.

    Parameters
    ----------
    pack
        With the real drawings.
    pixels
        (N, 64, 64, 3) uint8 RGB on white: painted covers.
    codes, families
        (N,) subject, and number in ``pack.FAMILIES`` of the family that each was painted for.

    Raises
    ------
    ValueError
        No cover has a real drawing to stand beside.
    """
    drawn = np.array([FAMILIES[f] in pack.families_of(code) for code, f in zip(codes, families, strict=True)], bool)
    rows = np.flatnonzero(drawn)
    if not len(rows):
        raise ValueError(f"none of {len(codes)} covers has a real drawing in the family it was painted for: paint more")
    real = np.stack([pack.pixels(codes[row], FAMILIES[families[row]]) for row in rows])
    painted = Pictures(
        pixels=seven_bits(pixels[rows]), codes=np.array([codes[row] for row in rows]), families=families[rows]
    )
    return Pairs(painted=painted, real=real)


def seven_bits(pixels: Pixels) -> Pixels:
    """Colours as the pack's files have them: 128 levels, spread from 0 to 255.

    Examples
    --------
    >>> seven_bits(np.array([0, 1, 2, 128, 254, 255], np.uint8)).tolist()
    [0, 0, 2, 129, 255, 255]
    """
    upper: Pixels = (pixels & 0xFE | pixels >> 7).astype(np.uint8)
    return upper


def gallery_of(pack: PicturePack, codes: Sequence[str]) -> Pictures:
    """All real drawings of some subjects, to look painted ones up in."""
    keys = [(code, family) for code in sorted(set(codes)) for family in pack.families_of(code)]
    return Pictures(
        pixels=np.stack([pack.pixels(*key) for key in keys]),
        codes=np.array([code for code, _ in keys]),
        families=np.array([FAMILIES.index(family) for _, family in keys], np.int64),
    )
