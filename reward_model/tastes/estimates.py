"""Tastes of states: what the click model is told of users beyond counts and the last events."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.lake.arrays import Floats, Floats32, Ints
from jobs.lake.schema.columns import EMBED_DIM
from reward_model.dataset import Examples
from reward_model.network.events import EVENT_ARRAYS, Events
from reward_model.network.user_state import ItemTable, States, rows_of
from reward_model.tastes.looks import LookPriors, find_looks, fit_looks, membership
from reward_model.tastes.subjects import MOST_ITEMS, SubjectFactors, exposure_counts, learn_subjects

QUALITY_CLICKS = 3.0
"""Clicks that shrink an item's own rate towards everybody's."""


NAMES = ("subject", "doubt", "rate_of_look", "adored_look")
"""What tastes say of a candidate cover."""


class TasteColumns(NamedTuple):
    """Of states, one row each."""

    subject: Floats32
    """``(n_states, K)`` posterior mean of the taste for subjects."""
    doubt: Floats32
    """``(n_states, K)`` its variance."""
    rate: Floats32
    """``(n_states, L)`` log relative click rate of each look."""
    adored: Floats32
    """``(n_states, L)`` probability of adoring it."""


@dataclass(frozen=True, kw_only=True)
class Tastes:
    """What turns events into tastes; learned from training items up to the cut, saved with the model."""

    items: list[str]
    """Items with factors and a rate of their own."""
    categories: list[str]
    """Categories whose weights are the first rows of the content's."""
    subjects: SubjectFactors
    looks: LookPriors
    quality: Floats32
    """``(len(items),)`` click rate relative to everybody's at the same places."""
    places: Floats32
    """``(P,)`` click rate of places 1..P."""

    def item_factors(self, items: ItemTable) -> Floats32:
        """Factors of a table's items, ``(n_items + 1, K)``: their own, or their content's; row 0 is the centre."""
        found = content_of(items, self.categories) @ self.subjects.content
        own = self._own(items)
        found[own > 0] = self.subjects.own[own[own > 0] - 1]
        found[0] = self.subjects.centre
        return np.asarray(found, np.float32)

    def _own(self, items: ItemTable) -> npt.NDArray[np.int32]:
        """Row of each item of a table among ``items``, from 1; 0 is none."""
        known = rows_of(items.ids, pa.array(self.items, pa.string()))
        return np.concatenate([np.zeros(1, np.int32), known])

    def columns(self, states: States, items: ItemTable, vectors: Floats32) -> TasteColumns:
        """Tastes of states from their events.

        Parameters
        ----------
        states
            Users at the end of a day.
        items, vectors
            Items, and ``(n_covers + 1, 160)`` vectors of covers, that the events point at.
        """
        events = states.events
        factors = self.item_factors(items)[events.item]
        own = np.concatenate([np.ones(1, np.float32), self.quality])[self._own(items)][events.item]
        looks = membership(vectors[:, EMBED_DIM:], self.looks.centroids)[events.cover]
        clicks, expected = look_terms(events, looks, own, self.places)
        width = factors.shape[1]
        total = span_sums(np.hstack([factors, clicks, expected]), states.begin, states.end)
        count = (states.end - states.begin).astype(np.float64)
        mean, variance = self.subjects.user(total[:, :width], count)
        n_looks = looks.shape[1]
        rate, adored = self.looks.liking(total[:, width : width + n_looks], total[:, width + n_looks :])
        return TasteColumns(mean, variance, rate, adored)

    def of_candidates(self, rows: Examples) -> Floats32:
        """What tastes say of candidates, ``(n_rows, 4)``: :data:`NAMES`; as the network computes them."""
        found = self.columns(rows.states, rows.items, rows.covers.vectors)
        factors, state = self.item_factors(rows.items)[rows.item], rows.state
        looks = membership(rows.covers.vectors[:, EMBED_DIM:], self.looks.centroids)[rows.cover]
        return np.column_stack(
            [
                (found.subject[state] * factors).sum(axis=1),
                np.sqrt((found.doubt[state] * factors**2).sum(axis=1)),
                (found.rate[state] * looks).sum(axis=1),
                (found.adored[state] * looks).sum(axis=1),
            ]
        ).astype(np.float32)


def look_terms(events: Events, looks: Floats32, quality: Floats32, places: Floats32) -> tuple[Floats, Floats]:
    """Clicks and expected clicks of events by look, ``(n_events, L)`` each; a cover without vector tells nothing."""
    known = looks * (events.cover > 0)[:, None]
    expected = places[np.clip(events.position, 1, len(places)) - 1] * quality
    clicked = events.clicked.astype(np.float64)
    return np.asarray(known * clicked[:, None], np.float64), np.asarray(known * expected[:, None], np.float64)


def _by_user(events: Events, values: Floats) -> Floats:
    """Sums over each user's events, ``(n_users, n_columns)``."""
    sums = [np.bincount(events.user, weights=column, minlength=len(events.users)) for column in values.T]
    return np.stack(sums, axis=1).astype(np.float64)


def span_sums(values: Floats, begin: Ints, end: Ints) -> Floats:
    """Sums over rows ``begin`` to ``end`` (excluded) of each span, ``(n_spans, n_columns)``.

    Examples
    --------
    >>> span_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 2]), np.array([2, 3, 2])).tolist()
    [[3.0], [6.0], [0.0]]
    """
    running = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    return np.asarray(running[end] - running[begin], np.float64)


def content_of(items: ItemTable, categories: list[str]) -> Floats32:
    """Content of a table's items, ``(n_items + 1, n_features)``: category one-hot, then the words' vector."""
    names = np.asarray(["", *items.categories], object)[items.category]
    one_hot = (names[:, None] == np.asarray(categories, object)).astype(np.float32)
    return np.hstack([one_hot, items.words])


def learn_tastes(
    events: Events, items: ItemTable, vectors: Floats32, trained: Ints, *, factors: int, looks: int, seed: int
) -> Tastes:
    """Learn from events what turns events into tastes.

    Parameters
    ----------
    events
        Up to the cut.
    items, vectors
        What they point at.
    trained
        Rows of the items that may be trained on; the others' events are left out.
    factors, looks
        Numbers of factors and looks.
    seed
        Of the sample of users and the clusters; torch's own seed decides the start of the factors.
    """
    inside = np.zeros(len(items.category), bool)
    inside[trained] = True
    kept = inside[events.item]
    known = replace(events, **{name: getattr(events, name)[kept] for name in EVENT_ARRAYS})
    exposed = np.bincount(known.item, minlength=len(items.category))
    chosen = np.sort(np.argsort(-exposed, kind="stable")[:MOST_ITEMS])
    chosen = chosen[exposed[chosen] > 0]
    categories = list(items.categories)
    content = content_of(items, categories)
    subjects = learn_subjects(exposure_counts(known, chosen, seed), content[chosen], factors)
    clicked, shown = (np.bincount(known.position, weights=values) for values in (known.clicked, None))
    places = (clicked[1:] + 1.0) / (shown[1:] + 1.0 / max(float(known.clicked.mean()), 1e-6))
    expected = places[known.position - 1]
    at_item = np.bincount(known.item, weights=expected, minlength=len(exposed))[chosen]
    clicks = np.bincount(known.item, weights=known.clicked, minlength=len(exposed))[chosen]
    quality = np.ones(len(exposed))
    quality[chosen] = (clicks + QUALITY_CLICKS) / (at_item + QUALITY_CLICKS)
    centroids = find_looks(vectors[np.unique(known.cover[known.cover > 0])][:, EMBED_DIM:], looks, seed)
    weights = membership(vectors[:, EMBED_DIM:], centroids)[known.cover]
    by_look = look_terms(known, weights, quality[known.item].astype(np.float32), places.astype(np.float32))
    clicks_by_look, expected_by_look = (_by_user(known, part) for part in by_look)
    names = items.ids.to_pylist()
    return Tastes(
        items=[names[row - 1] for row in chosen],
        categories=categories,
        subjects=subjects,
        looks=fit_looks(centroids, clicks_by_look, expected_by_look),
        quality=quality[chosen].astype(np.float32),
        places=places.astype(np.float32),
    )
