"""The stage ``play``: the stickers world lives the day after the night, and that day is ingested.

It lies outside ``jobs/ingest`` because the simulated users judge painted covers through the
judge of ``recsys_eval``, which ingest must not know.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from jobs.ingest import stage as ingest
from jobs.lake.arrays import Floats, Ints, Pixels
from jobs.lake.context import Context, StageResult
from jobs.simulator import stage as stickers
from jobs.stickers.pack import SIZE, PicturePack, Subject

if TYPE_CHECKING:
    from jobs.lake.images import ImageStore
    from jobs.lake.lake import Lake


def pixels_of(images: "ImageStore", cover_ids: Sequence[str]) -> Pixels:
    """(N, 64, 64, 3) uint8 RGB of stored pictures."""
    pictures = np.empty((len(cover_ids), SIZE, SIZE, 3), dtype=np.uint8)
    for place, cover_id in enumerate(cover_ids):
        with Image.open(io.BytesIO(images.get(cover_id))) as picture:
            pictures[place] = np.asarray(picture.convert("RGB").resize((SIZE, SIZE)))
    return pictures


def appearance_of_covers(
    lake: "Lake", images: "ImageStore", cover_ids: Sequence[str], item_ids: Sequence[str]
) -> tuple[Floats, Floats]:
    """What the simulated users see in stored covers.

    Returns
    -------
    tuple
        (N, 6) style probabilities and (N,) similarity to the item's subject, as the judge finds them.
    """
    from recsys_eval.judge.appearance import appearance
    from recsys_eval.judge.judgements import CachedJudge

    judge = CachedJudge.open(lake)
    seen = appearance(judge, PicturePack.load(), item_ids, pixels_of(images, cover_ids))
    judge.save(lake)
    return seen.style_probs, seen.similarity


def readings_of_titles(
    subjects: Sequence[Subject], titles: Sequence[str], items: Sequence[int], languages: Sequence[str]
) -> tuple[Ints, Floats]:
    """What the simulated users read in written titles, as the title judge does.

    Parameters
    ----------
    subjects
        All that a title may be about.
    titles, items, languages
        (P,) texts, numbers of the subjects that they are for, languages that they are to be in.

    Returns
    -------
    tuple
        (P,) kinds and (P,) how well each tells its subject in its language, 0 to 1.
    """
    from recsys_eval.judge.title_judge import TitleJudge

    found = TitleJudge(subjects).read(titles, list(zip(items, languages, strict=True)))
    told = [reading.tells(item, language) for reading, item, language in zip(found, items, languages, strict=True)]
    return np.array([reading.kind for reading in found], np.int64), np.array(told, np.float64)


def run(context: Context) -> StageResult:
    """Play the day after ``ds`` and ingest it, so that ``impressions`` has its partition.

    Raises
    ------
    UsageError
        The night is not the world's last day, or the world was not written yet.
    MissingTable
        Nothing was published yet.
    """
    day = stickers.play(context, partial(appearance_of_covers, context.lake, context.images), readings_of_titles)
    loaded = ingest.run(replace(context, ds=context.ds + timedelta(days=1)))
    return StageResult(rows=loaded.rows, metrics=day.metrics, note=day.note)
