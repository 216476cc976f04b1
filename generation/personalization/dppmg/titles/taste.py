"""What each user likes in titles, by their own events: two numbers, and the language they read.

A title is told by what it has beside the label (:mod:`makeup`). With residual r = clicked - p and
variance v = p (1 - p) of an event, p from its position and the user's click rate, one Newton step
from zero under a normal prior gives the posterior of a user's logits for the two parts::

    taste_u = (sum x v x' + I / prior ** 2) ** -1  sum x r

Somebody with few events stays near zero; only events up to the day asked for are read.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.makeup import PARTS, MakeUp, make_up, parts
from jobs.lake.arrays import Floats, Ints
from jobs.lake.examination import examination_at
from jobs.lake.lake import Lake

WINDOW_DAYS = 28
PRIOR = 0.6
"""Prior deviation of a user's logit for a part."""
PRIOR_EVENTS = 50.0
"""Impressions at everybody's click rate that a user's own rate is smoothed with."""
COLUMNS = ["user_id", "item_id", "title", "position", "clicked", "propensity"]


@dataclass(frozen=True, kw_only=True)
class TitleEvents:
    """Impressions whose titles were read. ``N`` events, ``U`` users."""

    users: list[str]
    """Ids, sorted."""
    user: Ints
    """(N,) row in ``users``."""
    items: pa.ChunkedArray
    """(N,) ids."""
    titles: list[str]
    made: list[MakeUp | None]
    """(N,) None where a title is unlike its item."""
    clicked: Floats
    position: Ints
    propensity: Floats
    """(N,) NaN where it was not logged."""


@dataclass(frozen=True, kw_only=True)
class TitleTastes:
    """Users by id. ``U`` users."""

    users: list[str]
    language: list[str]
    """(U,) the language of most titles they were shown; empty where none was read."""
    taste: Floats
    """(U, 2) logits for the parts of a title, in the order of ``makeup.PARTS``."""
    clicks: Ints
    """(U,) clicks behind it."""


def read_events(lake: Lake, as_of: date, content: dict[str, TitleContent]) -> TitleEvents:
    """Impressions of the last 28 days of items with content; the item's own title where none was logged."""
    days = [(as_of - timedelta(days=back)).isoformat() for back in range(WINDOW_DAYS)]
    log = lake.read("impressions", ds=days, columns=COLUMNS)
    log = log.filter(pc.is_in(log["item_id"], value_set=pa.array(sorted(content), pa.string())))
    pairs = log.select(["item_id", "title"]).group_by(["item_id", "title"]).aggregate([])
    names = {(row["item_id"], row["title"]): make_up_of(row, content) for row in pairs.to_pylist()}
    keys = list(zip(log["item_id"].to_pylist(), log["title"].to_pylist(), strict=True))
    users = pc.unique(log["user_id"]).sort()
    return TitleEvents(
        users=users.to_pylist(),
        user=pc.index_in(log["user_id"], value_set=users).to_numpy().astype(np.int64),
        items=log["item_id"],
        titles=[title or "" for _, title in keys],
        made=[names[key] for key in keys],
        clicked=log["clicked"].to_numpy().astype(np.float64),
        position=log["position"].to_numpy().astype(np.int64),
        propensity=log["propensity"].to_numpy().astype(np.float64),
    )


def make_up_of(row: dict[str, str | None], content: dict[str, TitleContent]) -> MakeUp | None:
    """Of the title shown, None where it was the item's own, which is in no known language."""
    assert row["item_id"] is not None
    return make_up(row["title"], content[row["item_id"]]) if row["title"] else None


def expected_clicks(events: TitleEvents, examination: Floats) -> Floats:
    """(N,) chance of a click by position and the user's own rate: what a title has to beat.

    Parameters
    ----------
    examination
        (p,) of positions 1..p, relative to position 1; later ones have the last one's.
    """
    seen = examination_at(examination, events.position)
    count = len(events.users)
    looked, clicks = np.bincount(events.user, seen, count), np.bincount(events.user, events.clicked, count)
    base = clicks.sum() / max(looked.sum(), 1e-9)
    rate = (clicks + PRIOR_EVENTS * base) / (looked + PRIOR_EVENTS)
    return np.asarray(np.clip(rate[events.user] * seen, 1e-6, 0.5))


def tastes_of(events: TitleEvents, examination: Floats) -> TitleTastes:
    """Tastes of all users with events."""
    expected, has = expected_clicks(events, examination), parts(events.made)
    # What everybody likes is no taste of one: residuals are taken within each make-up.
    kind = (has @ (1, 2)).astype(np.int64)
    ratio = np.bincount(kind, events.clicked, 4) / np.maximum(np.bincount(kind, expected, 4), 1e-9)
    expected = np.clip(expected * ratio[kind], 1e-6, 0.5)
    residual, spread = events.clicked - expected, expected * (1 - expected)
    count, size = len(events.users), len(PARTS)
    gradient = np.stack([np.bincount(events.user, residual * has[:, n], count) for n in range(size)], axis=1)
    precision = np.zeros((count, size, size))
    for n in range(size):
        for m in range(size):
            precision[:, n, m] = np.bincount(events.user, spread * has[:, n] * has[:, m], count)
    precision += np.eye(size) / PRIOR**2
    return TitleTastes(
        users=events.users,
        language=languages_of(events),
        taste=np.linalg.solve(precision, gradient[..., None])[..., 0],
        clicks=np.bincount(events.user, events.clicked, count).astype(np.int64),
    )


def languages_of(events: TitleEvents) -> list[str]:
    """(U,) the language of most of a user's titles, the first by name of equals."""
    names = sorted({one.language for one in events.made if one})
    place = {name: number for number, name in enumerate(names)}
    found = np.array([place[one.language] if one else -1 for one in events.made], np.int64)
    counts = np.zeros((len(events.users), max(len(names), 1)))
    np.add.at(counts, (events.user[found >= 0], found[found >= 0]), 1)
    best = counts.argmax(axis=1)
    return [names[at] if counts[user, at] else "" for user, at in enumerate(best)]
