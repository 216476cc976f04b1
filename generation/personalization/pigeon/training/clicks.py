"""Clicks of the log as rows of drawings: what was clicked, what it can be painted from, and how much it weighs."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from generation.diffusion.training.data import Drawings
from generation.personalization.pigeon.training.logged import Logged
from generation.personalization.pigeon.training.reconstruct import Clicked, propensity_weights
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import Encoders


def clicked_drawings(logged: Logged, drawings: Drawings, pack: PicturePack) -> Clicked:
    """Clicks on items that the user had not been shown before, of subjects with another drawing to paint from.

    Parameters
    ----------
    logged
        Of users and items of one split.
    drawings
        Of that split.
    pack
        The pictures themselves: a cover's id is the hash of its bytes.
    """
    row_of = {
        hashlib.sha256(pack.bytes(drawings.codes[subject], drawings.families[family])).hexdigest(): row
        for row, (subject, family) in enumerate(zip(drawings.subject, drawings.family, strict=True))
    }
    original = {item: row_of[cover] for item, cover in logged.originals.items() if cover in row_of}
    rows_of = [np.flatnonzero(drawings.subject == subject) for subject in range(len(drawings.codes))]
    found = []
    for place in np.flatnonzero((logged.clicked == 1) & logged.fresh):
        target = row_of.get(logged.cover_ids[place])
        if target is None:
            continue
        reference = original.get(logged.item_ids[place], target)
        if reference == target or drawings.subject[reference] != drawings.subject[target]:  # two may share a picture
            others = rows_of[drawings.subject[target]]
            others = others[others != target]
            if not len(others):
                continue
            reference = int(others[place % len(others)])
        found.append((logged.row[place], target, reference, logged.propensity[place]))
    row, target_rows, references, propensity = (np.array(each) for each in zip(*found, strict=True))
    return Clicked(
        row=row.astype(np.int64),
        target=target_rows.astype(np.int64),
        reference=references.astype(np.int64),
        weight=propensity_weights(propensity),
    )


def titles_of(pack: PicturePack, drawings: Drawings, encoders: Encoders) -> Tensor:
    """(S, 384) sentence embedding of each subject's plain title."""
    labels = {subject.code: subject.labels["en"] for subject in pack.subjects}
    raw, _ = encoders.text.encode([labels[code] for code in drawings.codes])
    return torch.from_numpy(raw)
