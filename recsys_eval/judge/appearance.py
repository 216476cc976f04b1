"""How a picture looks to the people of the stickers world: its style, and how well it shows its subject.

Shared by the world, which draws clicks from it, and by the evaluation, which asks the world
for true click probabilities. Only the judge is asked, whose weights and features no reward
and no generator shares (the judge is not the reward).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats, Floats32, Ints, Pixels, Strings
from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.judge.model import Judge


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """What the world knows of ``N`` painted pictures."""

    style_probs: Floats
    """(N, 6) the judge's probability of each family; rows sum to 1."""
    similarity: Floats
    """(N,) in [0, 1]; 1 for a real drawing of the subject."""
    embedding: Floats32
    """(N, 128) where the judge sees each picture among subjects."""


@dataclass(frozen=True, kw_only=True)
class JudgedDrawings:
    """Real drawings as the judge sees them. ``D`` drawings."""

    codes: Strings
    """(D,) subjects."""
    families: Ints
    """(D,) numbers in ``pack.FAMILIES``."""
    pixels: Pixels
    """(D, 64, 64, 3)."""
    embedding: Floats32
    """(D, 128) where the judge sees each drawing among subjects."""


def judge_drawings(judge: Judge, pack: PicturePack, codes: Sequence[str]) -> JudgedDrawings:
    """Every real drawing of the subjects, each judged once.

    Raises
    ------
    ValueError
        No subject is given.
    """
    keys = [(code, family) for code in sorted(set(codes)) for family in pack.families_of(code)]
    if not keys:
        raise ValueError("no subject is given: there are no drawings to judge")
    pixels = np.stack([pack.pixels(*key) for key in keys])
    return JudgedDrawings(
        codes=np.array([code for code, _ in keys]),
        families=np.array([FAMILIES.index(family) for _, family in keys], np.int64),
        pixels=pixels,
        embedding=judge.subject_embedding(pixels),
    )


def appearance(judge: Judge, pack: PicturePack, codes: Sequence[str], pixels: Pixels) -> Appearance:
    """Judge painted pictures of known subjects; see :func:`appearance_among`.

    Parameters
    ----------
    judge, pack
        Who judges, and the real drawings.
    codes
        (N,) subject of each picture.
    pixels
        (N, 64, 64, 3) uint8 RGB on white.
    """
    return appearance_among(judge, judge_drawings(judge, pack, codes), codes, pixels)


def appearance_among(judge: Judge, drawings: JudgedDrawings, codes: Sequence[str], pixels: Pixels) -> Appearance:
    """Judge painted pictures against drawings that were judged before.

    The similarity is the greatest cosine, in the judge's subject embedding, between the picture
    and any real drawing of its subject, and not below 0. A picture that matches the drawing of
    the style it was painted in is thus as recognisable as that drawing.

    Parameters
    ----------
    judge, drawings
        Who judges, and all real drawings of the subjects (and perhaps of others).
    codes
        (N,) subject of each picture.
    pixels
        (N, 64, 64, 3) uint8 RGB on white.

    Raises
    ------
    ValueError
        Lengths differ, or a subject has no drawing.
    """
    if len(codes) != len(pixels):
        raise ValueError(f"{len(codes)} subjects and {len(pixels)} pictures: name one subject per picture")
    unknown = set(codes) - set(drawings.codes.tolist())
    if unknown:
        raise ValueError(f"no real drawing of {sorted(unknown)[0]!r} was judged: judge the drawings of all subjects")
    return _appearance(judge, drawings, codes, pixels, np.full(len(codes), -1))


def appearance_of_drawings(
    judge: Judge, drawings: JudgedDrawings, codes: Sequence[str], families: Ints, *, unseen: bool
) -> Appearance:
    """Judge real drawings as painted ones are judged.

    Parameters
    ----------
    judge, drawings
        As in :func:`appearance_among`.
    codes, families
        (N,) subject and family of each drawing; it must be among ``drawings``.
    unseen
        Put each drawing's own copy aside: compare it with the other families' only, as a new drawing
        by somebody else would be.
    """
    place = {key: row for row, key in enumerate(zip(drawings.codes, drawings.families, strict=True))}
    pixels = drawings.pixels[[place[key] for key in zip(codes, families, strict=True)]]
    return _appearance(judge, drawings, codes, pixels, families if unseen else np.full(len(codes), -1))


def _appearance(
    judge: Judge,
    drawings: JudgedDrawings,
    codes: Sequence[str],
    pixels: Pixels,
    aside: Ints,
) -> Appearance:
    """Appearance of pictures, each compared with all drawings of its subject but those of the family ``aside``."""
    embedding = judge.subject_embedding(pixels)
    similarity = np.zeros(len(codes))
    subject = np.asarray(codes)
    for code in np.unique(subject):
        rows, known = np.flatnonzero(subject == code), np.flatnonzero(drawings.codes == code)
        cosine = embedding[rows] @ drawings.embedding[known].T
        cosine[aside[rows][:, None] == drawings.families[known]] = 0.0
        similarity[rows] = cosine.max(axis=1)
    probabilities = judge.style_probabilities(pixels).astype(np.float64)
    return Appearance(
        style_probs=probabilities / probabilities.sum(axis=1, keepdims=True),
        similarity=np.clip(similarity, 0.0, 1.0),
        embedding=embedding,
    )
