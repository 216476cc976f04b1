"""Items that stand for what was shown and not clicked where a log has clicks alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

ROUNDS = 20
"""Tries to find another item in place of one that cannot stand there."""
NONE = -1
"""In place of a negative that was not found."""


@dataclass(frozen=True)
class Pool:
    """Items to draw from.

    ``items`` are their numbers, (n,) int64, each once; ``weights`` is how often each is drawn relative to the others,
    (n,) float64 above 0, None for all alike.
    """

    items: Rows
    weights: NDArray[np.float64] | None = None

    def draw(self, size: int, rng: np.random.Generator) -> Rows:
        """Numbers of ``size`` items, drawn with replacement."""
        if self.weights is None:
            places = rng.integers(len(self.items), size=size)
        else:
            edges = np.cumsum(self.weights)
            places = np.searchsorted(edges, rng.random(size) * edges[-1], side="right")
        chosen: Rows = self.items[np.minimum(places, len(self.items) - 1)]
        return chosen


def draw_negatives(clicked: Rows, users: Rows, pool: Pool, count: int, rng: np.random.Generator) -> Rows:
    """For each click, items that its user did not click.

    Parameters
    ----------
    clicked
        (n,) item of each click.
    users
        (n,) number of its user, below 2**31.
    pool
        Items to draw from.
    count
        How many for each click.
    rng
        Decides.

    Returns
    -------
    Rows
        (n, count), different within a row and none of what the user clicked in ``clicked``; :data:`NONE` where the
        pool is too small for another one.

    Notes
    -----
    Drawn by popularity, negatives are as popular as the clicked, and popularity predicts nothing; drawn uniformly, it
    predicts nearly all. Neither is a click-through rate.
    """
    shape = (len(clicked), count)
    drawn = pool.draw(clicked.size * count, rng).reshape(shape)
    span = int(max(clicked.max(initial=0), pool.items.max(initial=0))) + 1
    own = np.unique(users * span + clicked)
    wrong = _wrong(drawn, users, own, span)
    for _ in range(ROUNDS):
        if not wrong.any():
            return drawn
        drawn[wrong] = pool.draw(int(wrong.sum()), rng)
        wrong = _wrong(drawn, users, own, span)
    drawn[wrong] = NONE
    return drawn


def _wrong(drawn: Rows, users: Rows, own: Rows, span: int) -> NDArray[np.bool_]:
    """Where a drawn item was clicked by the user, or stands in the row before."""
    keys = users[:, None] * span + drawn
    places = np.minimum(np.searchsorted(own, keys), len(own) - 1)
    wrong: NDArray[np.bool_] = own[places] == keys
    for column in range(1, drawn.shape[1]):
        wrong[:, column] |= (drawn[:, :column] == drawn[:, column : column + 1]).any(axis=1)
    return wrong
