"""Near-duplicates as stacks: one tile for covers of any items that hardly differ.

Two covers are near-duplicates when both cosines between them, of what they show and of how they are drawn, are at least
``review.near_duplicate``. A stack is led by its cover with the most traffic, and every other cover in it is a
near-duplicate of that one, not only of another member: chains of small steps do not join what looks different.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from conf.errors import UsageError
from generation.catalogue import CoverVectors
from generation.review.log.queue import Filter, Place, conditions, page, rows_of
from generation.review.log.schema import cases, nights
from generation.review.web.alike.similar import Lookalikes, unit_vectors
from jobs.lake.lake import Lake

logger = logging.getLogger(__name__)

Near: TypeAlias = Mapping[str, frozenset[str]]
"""Covers that have near-duplicates, each with those."""
MOST = 10_000
"""Covers of a queue up to which it is stacked: comparing all pairs grows with the square."""
BLOCK = 512
"""Covers that are compared with all others at once."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A tile of the queue."""

    row: Row[Any]
    """The cover that is shown, of ``cases``."""
    ids: tuple[int, ...]
    """Cases of all its covers, most traffic first; the shown one is the first."""


def near_pairs(cover_ids: Sequence[str], vectors: Sequence[NDArray[np.float32]], at_least: float) -> Near:
    """Near-duplicates of each cover that has any.

    Parameters
    ----------
    cover_ids
        N ids, each once.
    vectors
        Arrays of (N, D) embeddings, of any D; the cosine of each of them must be large.
    at_least
        The least cosine.

    Examples
    --------
    >>> shows = np.float32([[1, 0], [1, 0.1], [0, 1]])
    >>> near_pairs(["a", "b", "c"], [shows], 0.9) == {"a": {"b"}, "b": {"a"}}
    True
    """
    units = [unit_vectors(each) for each in vectors]
    found: dict[str, set[str]] = defaultdict(set)
    for start in range(0, len(cover_ids), BLOCK):
        close = np.logical_and.reduce([each[start : start + BLOCK] @ each[start:].T >= at_least for each in units])
        for one, other in zip(*np.nonzero(np.triu(close, 1)), strict=True):
            first, second = cover_ids[start + one], cover_ids[start + other]
            found[first].add(second)
            found[second].add(first)
    return {cover: frozenset(alike) for cover, alike in found.items()}


def stacked(rows: Iterable[Row[Any]], near: Near) -> list[list[Row[Any]]]:
    """Rows with ``id`` and ``cover_id`` as stacks, in their order; each row is in one.

    A row that is in no stack yet leads one, with the later rows of its cover's near-duplicates and of the same cover.
    """
    ordered = list(rows)
    by_cover: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(ordered):
        by_cover[row.cover_id].append(place)
    free = set(range(len(ordered)))
    found = []
    for place, row in enumerate(ordered):
        if place in free:
            alike = {row.cover_id} | near.get(row.cover_id, frozenset())
            mine = sorted(each for cover in alike for each in by_cover.get(cover, ()) if each in free)
            free.difference_update(mine)
            found.append([ordered[each] for each in mine])
    return found


class NearDuplicates:
    """Near-duplicates among the covers of a night; compared again when the lake has new ones.

    Parameters
    ----------
    lake
        Has cover_features.
    lookalikes
        Knows whose embeddings are compared.
    at_least
        ``review.near_duplicate``.
    """

    def __init__(self, lake: Lake, lookalikes: Lookalikes, at_least: float) -> None:
        self.lake, self.lookalikes, self.at_least = lake, lookalikes, at_least
        self._turn = threading.Lock()
        self._read: dict[str, tuple[object, Near]] = {}

    def of(self, connection: Connection, ds: str) -> Near:
        """Of the night's selected covers.

        None without embeddings, where those of several encoders are there and none was chosen (the panel of similar
        covers says so), and in a night of over :data:`MOST` covers.
        """
        version = self.lake.version("cover_features")
        if version < 0:
            return {}
        loaded = connection.execute(select(nights.c.loaded).where(nights.c.ds == ds)).scalar()
        with self._turn:
            if self._read.get(ds, (None, {}))[0] != (version, loaded):
                self._read[ds] = ((version, loaded), self._compared(connection, ds))
            return self._read[ds][1]

    def _compared(self, connection: Connection, ds: str) -> Near:
        query = select(cases.c.selected_cover_id).where(cases.c.ds == ds).distinct().limit(MOST + 1)
        covers = set(connection.execute(query).scalars())
        if not 1 <= len(covers) <= MOST:
            return {}
        try:
            encoder = self.lookalikes.encoder()
        except UsageError as error:
            logger.warning("covers of %s are not stacked: %s", ds, error)
            return {}
        known = CoverVectors.read(self.lake, encoder, covers)
        return near_pairs(list(known.rows), [known.embeddings, known.styles], self.at_least)


def tiles(
    connection: Connection, asked: Filter, near: Near, *, me: str, after: Place | None = None, limit: int = 48
) -> list[Stack]:
    """The next tiles of a queue, most traffic first; a queue of over :data:`MOST` covers has stacks of one.

    Parameters
    ----------
    connection, asked, me, after, limit
        As for :func:`generation.review.log.queue.page`; ``after`` is the place of a stack's first cover.
    near
        Near-duplicates of the night.
    """
    light: Sequence[Any] = []
    if near:
        query = select(cases.c.id, cases.c.cover_id, cases.c.stake).where(*conditions(connection, asked, me))
        ordered = query.order_by(cases.c.stake.desc(), cases.c.id.desc()).limit(MOST + 1)
        light = connection.execute(ordered).all()
    if not light or len(light) > MOST:
        return [Stack(row=row, ids=(row.id,)) for row in page(connection, asked, me=me, after=after, limit=limit)]
    behind = [
        stack
        for stack in stacked(light, near)
        if after is None or (stack[0].stake, stack[0].id) < (after.stake, after.case_id)
    ]
    ids = {stack[0].id: tuple(row.id for row in stack) for stack in behind[:limit]}
    return [Stack(row=row, ids=ids[row.id]) for row in rows_of(connection, list(ids))]
