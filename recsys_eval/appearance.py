"""How a picture looks to the people of the stickers world: its style, and how well it shows its subject.

Shared by the world, which draws clicks from it, and by the evaluation, which asks the world
for true click probabilities. Only the judge is asked, whose weights and features no reward
and no generator shares (the judge is not the reward).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.ingest.stickers.pack import PicturePack
from recsys_eval.judge import Judge


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """What the world knows of ``N`` painted pictures."""

    style_probs: NDArray[np.float64]
    """(N, 6) the judge's probability of each family; rows sum to 1."""
    similarity: NDArray[np.float64]
    """(N,) in [0, 1]; 1 for a real drawing of the subject."""


def appearance(judge: Judge, pack: PicturePack, codes: Sequence[str], pixels: NDArray[np.uint8]) -> Appearance:
    """Judge painted pictures of known subjects.

    The similarity is the greatest cosine, in the judge's subject embedding, between the picture
    and any real drawing of its subject, and not below 0. A picture that matches the drawing of
    the style it was painted in is thus as recognisable as that drawing.

    Parameters
    ----------
    judge, pack
        Who judges, and the real drawings.
    codes
        (N,) subject of each picture.
    pixels
        (N, 64, 64, 3) uint8 RGB on white.

    Raises
    ------
    ValueError
        Lengths differ.
    """
    if len(codes) != len(pixels):
        raise ValueError(f"{len(codes)} subjects and {len(pixels)} pictures: name one subject per picture")
    subjects = sorted(set(codes))
    drawings = [(code, family) for code in subjects for family in pack.families_of(code)]
    painted = judge.subject_embedding(pixels)
    real = judge.subject_embedding(np.stack([pack.pixels(*drawing) for drawing in drawings])) if drawings else painted
    of_subject = np.array([code for code, _ in drawings])
    similarity = np.zeros(len(codes))
    for subject in subjects:
        rows = np.flatnonzero(np.asarray(codes) == subject)
        similarity[rows] = (painted[rows] @ real[of_subject == subject].T).max(axis=1)
    style = judge.style_probabilities(pixels).astype(np.float64)
    return Appearance(style_probs=style / style.sum(axis=1, keepdims=True), similarity=np.clip(similarity, 0.0, 1.0))
