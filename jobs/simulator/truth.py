"""What nobody can know about a real feed and the stickers world does: true click probabilities.

All are without position bias and with the plain title.
"""

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES


def drawing_probability(world: World, users: Ints, items: Ints, families: Ints) -> Floats:
    """(N,) probability of a click on the real drawing of one family.

    Raises
    ------
    ValueError
        A family does not draw the subject.
    """
    missing = ~world.items.drawn[items, families]
    if missing.any():
        first = int(np.argmax(missing))
        code, family = world.items.item_ids[items[first]], FAMILIES[families[first]]
        raise ValueError(f"{family} does not draw {code}: ask only for drawings in SimulatedItems.drawn")
    return world.click_probability(users, items, np.eye(len(FAMILIES))[families], 1.0)


def default_probability(world: World, users: Ints, items: Ints) -> Floats:
    """(N,) probability of a click on the item's original cover."""
    return drawing_probability(world, users, items, world.items.default[items])


def painted_probability(
    world: World,
    users: Ints,
    items: Ints,
    style_probs: Floats,
    similarity: Floats,
) -> Floats:
    """(N,) probability of a click on a painted cover.

    Parameters
    ----------
    world, users, items
        The model, and numbers in it, (N,) each.
    style_probs
        (N, 6) the judge's probabilities that the picture is of each family.
    similarity
        (N,) in [0, 1], how well the picture shows the subject.
    """
    return world.click_probability(users, items, style_probs, similarity)


def all_drawings_probability(world: World, users: Ints, items: Ints) -> Floats:
    """(N, 6) probability of a click on the drawing of every family; NaN where it does not exist."""
    chances = np.stack(
        [world.click_probability(users, items, np.tile(row, (len(users), 1)), 1.0) for row in np.eye(len(FAMILIES))],
        axis=1,
    )
    return np.where(world.items.drawn[items], chances, np.nan)
