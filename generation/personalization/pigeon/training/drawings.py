"""The drawings of a split with the vectors that a night has of them, so that nothing is encoded again."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from conf.errors import UsageError
from generation.catalogue import CoverVectors
from generation.diffusion.training.data import Drawings
from jobs.lake.context import Context
from jobs.lake.splits import Split
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import ENCODER_ID


def drawings_of_night(ctx: Context, pack: PicturePack, split: Split) -> Drawings:
    """As :func:`generation.diffusion.training.data.load_drawings`; without sentences of titles.

    Raises
    ------
    UsageError
        The night has not encoded the pack's drawings.
    """
    codes = tuple(pack.codes(split))
    rows = [(number, family, code) for number, code in enumerate(codes) for family in pack.families_of(code)]
    ids = [hashlib.sha256(pack.bytes(code, family)).hexdigest() for _, family, code in rows]
    vectors = CoverVectors.read(ctx.lake, ENCODER_ID, ids)
    missing = sum(each not in vectors.rows for each in ids)
    if missing:
        raise UsageError(
            f"{missing} of {len(ids)} drawings of the pack have no vector on {ctx.ds}: made-up users need the built-in "
            "world's night (ingest.source=stickers); leave them out with --simulated 0"
        )
    found = vectors.where(ids)
    return Drawings(
        np.stack([pack.pixels(code, family) for _, family, code in rows]),
        np.array([number for number, _, _ in rows]),
        np.array([pack.families.index(family) for _, family, _ in rows]),
        np.concatenate([vectors.embeddings[found], vectors.styles[found]], axis=1),
        np.zeros((len(codes), 0), np.float32),
        codes,
        pack.families,
    )


def family_styles(drawings: Drawings) -> NDArray[np.float32]:
    """(F, 32) mean style of each family's drawings, less the mean of them all."""
    width = drawings.look.shape[1] - 32
    means = np.stack([drawings.look[drawings.family == each, width:].mean(0) for each in range(len(drawings.families))])
    return np.asarray(means - means.mean(axis=0), np.float32)
