"""What a single user was shown in 28 days, as the 48 events that a painter is told.

Clicks are few and each says something: up to 32 of them stand as they are, newest first. Skips are many, and more
clicks than 32 can be too: they are grouped by how their covers are drawn (spherical k-means on the style part, Dhillon
and Modha, Machine Learning 2001), and a group is told as one event with the mean of its vectors and, as its weight, how
many it stands for. So the weighted sums of the 48 rows are those of all events, and what a preference is computed from
(:mod:`jobs.features.estimators.preference`) is all there.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generation.catalogue import CoverVectors
from generation.history import history_array
from generation.types import HISTORY_EVENTS
from jobs.lake.examination import examination_at, read_examination
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import EMBED_DIM, WINDOWS

CLICKED_ROWS = 32
"""Rows for clicks, at most; the others are for skips."""
ROUNDS = 8
"""Of k-means."""


def grouped(vectors: NDArray[np.float64], number: int) -> NDArray[np.int64]:
    """(N,) group of each vector by direction: its own where there are ``number`` or fewer.

    The first centres are the first vector and then, each time, the one farthest from those before it, so that nothing
    is drawn by chance.

    Parameters
    ----------
    vectors
        (N, D), none of them missing.
    number
        Groups, at most.

    Examples
    --------
    >>> grouped(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]]), 2).tolist()
    [0, 1, 0]
    """
    if len(vectors) <= number:
        return np.arange(len(vectors))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    chosen = [0]
    nearest = unit @ unit[0]
    for _ in range(number - 1):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, unit @ unit[chosen[-1]])
    centres = unit[chosen]
    group = np.zeros(len(unit), np.int64)
    for _ in range(ROUNDS):
        group = (unit @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, group, unit)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def user_history(
    *,
    vectors: NDArray[np.float64],
    clicked: NDArray[np.bool_],
    age_hours: NDArray[np.float64],
    examination: NDArray[np.float64],
) -> NDArray[np.float32] | None:
    """All events of a user as a painter is told them.

    Parameters
    ----------
    vectors
        (N, 160) of the covers, newest first; NaN rows have none and count for nothing.
    clicked, age_hours, examination
        (N,) of the same events.

    Returns
    -------
    ndarray or None
        (48, 165) float32: clicks, then skips, each kind newest first; None where nothing is known.
    """
    known = np.isfinite(vectors).all(axis=1)
    parts = []
    for kind, number in ((True, CLICKED_ROWS), (False, HISTORY_EVENTS - CLICKED_ROWS)):
        rows = np.flatnonzero(known & (clicked == kind))
        group = grouped(vectors[rows, EMBED_DIM:], number)
        count = np.bincount(group).astype(np.float64)
        values = np.column_stack([vectors[rows], age_hours[rows], examination[rows]])
        sums = np.zeros((len(count), values.shape[1]))
        np.add.at(sums, group, values)
        means = sums / np.maximum(count, 1)[:, None]
        order = np.argsort(means[:, -2], kind="stable")
        parts.append((means[order], np.full(len(count), kind), count[order]))
    means, kinds, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    if not len(means):
        return None
    return history_array(
        vectors=means[:, :-2].astype(np.float32),
        clicked=kinds,
        age_hours=means[:, -2],
        examination=means[:, -1],
        weight=weight,
    )


def history_of_events(
    events: pl.DataFrame, vectors: NDArray[np.float64], examination: NDArray[np.float64], as_of: date
) -> NDArray[np.float32] | None:
    """A user's rows of the log as a painter is told them at the end of a day.

    Parameters
    ----------
    events
        ts, position and clicked, oldest first.
    vectors
        (N, 160) of their covers, NaN where one has none.
    examination
        By position, from 1.
    as_of
        The day.
    """
    end = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), UTC).timestamp() * 1e6
    age = np.maximum(end - events["ts"].dt.epoch("us").to_numpy(), 0) / 3.6e9
    return user_history(
        vectors=vectors[::-1],
        clicked=events["clicked"].to_numpy().astype(bool)[::-1],
        age_hours=age[::-1],
        examination=examination_at(examination, events["position"].to_numpy())[::-1],
    )


def read_user_histories(
    lake: Lake, as_of: date, users: Collection[str], encoder_id: str
) -> dict[str, NDArray[np.float32]]:
    """Histories of users at the end of a day, by id; of those of whom something is known.

    The log of 28 days is read through a filter by user: few users of many, in the process that plans.

    Parameters
    ----------
    lake
        Where ``impressions``, ``cover_features`` and ``position_bias`` are.
    as_of
        The day; nothing after its end is seen.
    users
        Their ids.
    encoder_id
        Whose vectors.
    """
    days = [as_of - timedelta(days=back) for back in range(max(WINDOWS))]
    table = lake.read(
        "impressions",
        ds=days,
        columns=["user_id", "cover_id", "ds", "ts", "position", "impression_id", "clicked"],
        filters=[("user_id", "in", sorted(users))],
    )
    log = pl.DataFrame(table).sort("user_id", "ds", "ts", "position", "impression_id")
    covers = CoverVectors.read(lake, encoder_id, log["cover_id"].unique().to_list())
    examination = read_examination(lake, as_of)
    found = {}
    for (user,), events in log.partition_by("user_id", as_dict=True, maintain_order=True).items():
        history = history_of_events(events, vectors_of(covers, events["cover_id"].to_list()), examination, as_of)
        if history is not None:
            found[str(user)] = history
    return found


def vectors_of(covers: CoverVectors, cover_ids: Collection[str]) -> NDArray[np.float64]:
    """(N, 160) vectors of covers, NaN where one has none."""
    rows = np.array([covers.rows.get(cover, -1) for cover in cover_ids], np.int64)
    found = np.full((len(rows), covers.embeddings.shape[1] + covers.styles.shape[1]), np.nan)
    known = rows >= 0
    found[known] = np.concatenate([covers.embeddings[rows[known]], covers.styles[rows[known]]], axis=1)
    return found
