"""What a written title is worth in the stickers world: the true probability of a click under it.

Simulated: the world's formula with the reader's taste for the kind of title that the title judge
reads, and the world's penalty for a wrong subject, ``-1.5 * (1 - t)``, where t is the similarity to
the nearest true string of this item in the reader's language, and 0 where the title is about
something else or in another language.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.model import World
from jobs.simulator.wording import PLAIN
from jobs.stickers.pack import FAMILIES, LANGUAGES
from recsys_eval.judge.title_judge import Reading


def understood(readings: Sequence[Reading], items: Ints, languages: Ints) -> Floats:
    """(N,) how well each title tells its item in its reader's language: t of the formula, 0 to 1.

    Parameters
    ----------
    readings
        (N,) what the judge read.
    items, languages
        (N,) numbers of the item that the title is for, and of its reader's language.
    """
    return np.array(
        [
            reading.tells(int(item), LANGUAGES[language])
            for reading, item, language in zip(readings, items, languages, strict=True)
        ],
        np.float64,
    )


def written_logit(world: World, users: Ints, items: Ints, readings: Sequence[Reading]) -> Floats:
    """(N,) what the title adds to the logit of a click.

    Parameters
    ----------
    world
        The model.
    users, items
        (N,) numbers in it.
    readings
        (N,) what the judge read in the title that user n sees for item n.
    """
    kind = np.array([reading.kind for reading in readings], np.int64)
    wrong = 1 - understood(readings, items, world.users.language[users])
    return np.asarray(world.users.wording_taste[users, kind] - world.parameters.dissimilarity * wrong)


def over_plain_logit(world: World, users: Ints, items: Ints, readings: Sequence[Reading]) -> Floats:
    """(N,) what the title adds to the logit of a click, over the plain title; as :func:`written_logit`."""
    return np.asarray(written_logit(world, users, items, readings) - world.users.wording_taste[users, PLAIN])


def written_probability(
    world: World,
    users: Ints,
    items: Ints,
    readings: Sequence[Reading],
    style_probs: Floats | None = None,
    similarity: Floats | None = None,
) -> Floats:
    """(N,) probability of a click at position 1 on a cover under a written title.

    Parameters
    ----------
    world, users, items, readings
        As in :func:`written_logit`.
    style_probs, similarity
        (N, 6) and (N,) of the cover; None is the item's original.
    """
    if style_probs is None or similarity is None:
        style_probs, similarity = np.eye(len(FAMILIES))[world.items.default[items]], np.ones(len(items))
    plain = world.attraction(users, items, style_probs, similarity)
    return np.asarray(expit(plain + over_plain_logit(world, users, items, readings)), dtype=np.float64)
