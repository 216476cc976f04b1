"""What is known of covers, items, words and users before a label day begins, as arrays.

A *state* is one user at the end of one ds: counts, preference, affinity to categories and
the last events. Many impressions of the next day share one state, so states are kept once
and rows point at them. Everything is read with delta-rs and Arrow, without a JVM, because
it also runs inside Spark's Python workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.lake.arrays import Flags, Floats32, Ints, matrix
from jobs.lake.lake import Lake
from jobs.lake.point_in_time import read_evenings
from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM, WINDOWS
from reward_model.network.events import Events, load_events
from reward_model.network.features import USER_COLUMNS, numbers

Integers = npt.NDArray[np.int32]

VECTOR_DIM = EMBED_DIM + STYLE_DIM
"""A cover's vector: aligned embedding, then style."""
LEAST_AFFINITY = 0.01
"""Floor of category_affinity before the logarithm."""
MICROSECONDS_A_DAY = 86_400_000_000


def rows_of(values: pa.Array | pa.ChunkedArray, known: pa.Array) -> Integers:
    """Position of each value among ``known``, plus one; 0 where it is unknown or null.

    Examples
    --------
    >>> rows_of(pa.array(["b", "x", None]), pa.array(["a", "b"])).tolist()
    [2, 0, 0]
    """
    found = pc.fill_null(pc.index_in(values, value_set=known, skip_nulls=True), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int32) + 1 if len(found) else np.zeros(0, np.int32)


@dataclass(frozen=True, kw_only=True)
class CoverTable:
    """Vectors of covers; row 0 stands for a cover without features."""

    ids: pa.Array
    """``(n_covers,)`` cover ids; ``ids[i]`` has row ``i + 1``."""
    vectors: Floats32
    """``(n_covers + 1, 160)``: embedding 128 and style 32, each L2-normalised."""

    @classmethod
    def load(cls, lake: Lake, encoder_id: str) -> "CoverTable":
        """All covers of one encoder, sorted by id."""
        filters = [("encoder_id", "=", encoder_id)]
        table = lake.read("cover_features", columns=["cover_id", "embedding", "style"], filters=filters)
        table = table.sort_by("cover_id")
        vectors = np.zeros((len(table) + 1, VECTOR_DIM), np.float32)
        if len(table):
            vectors[1:, :EMBED_DIM] = matrix(table["embedding"], EMBED_DIM, "cover_features.embedding")
            vectors[1:, EMBED_DIM:] = matrix(table["style"], STYLE_DIM, "cover_features.style")
        return cls(ids=table["cover_id"].combine_chunks(), vectors=vectors)


@dataclass(frozen=True, kw_only=True)
class ItemTable:
    """Items and their categories; row 0 stands for an unknown item of an unknown category."""

    ids: pa.Array
    titles: list[str]
    """Default words of item ``i`` at ``i + 1``; empty at 0."""
    categories: tuple[str, ...]
    """Names, sorted; ``categories[i]`` has number ``i + 1``."""
    category: Integers
    """``(n_items + 1,)`` number of the category; 0 is unknown."""
    words: Floats32
    """``(n_items + 1, 128)`` vectors of the default titles, L2-normalised; zeros where there is none."""

    @classmethod
    def load(cls, lake: Lake, encoder_id: str) -> "ItemTable":
        """All items, sorted by id, with the titles' vectors of one encoder."""
        table = lake.read("items", columns=["item_id", "title", "category"]).sort_by("item_id")
        names = pc.unique(table["category"]).drop_null().sort()
        return cls(
            ids=table["item_id"].combine_chunks(),
            titles=["", *table["title"].to_pylist()],
            categories=tuple(names.to_pylist()),
            category=np.concatenate([np.zeros(1, np.int32), rows_of(table["category"], names)]),
            words=_words(lake, encoder_id, table["title"]),
        )


def _words(lake: Lake, encoder_id: str, titles: pa.ChunkedArray) -> Floats32:
    """Vectors of titles, one row more than there are: row 0 is zeros."""
    table = lake.read("title_features", columns=["text", "embedding"], filters=[("encoder_id", "=", encoder_id)])
    vectors = np.zeros((len(table) + 1, EMBED_DIM), np.float32)
    if len(table):
        vectors[1:] = matrix(table["embedding"], EMBED_DIM, "title_features.embedding")
    found = rows_of(titles, table["text"].combine_chunks())
    return np.asarray(vectors[np.concatenate([np.zeros(1, np.int32), found])], np.float32)


@dataclass(frozen=True, kw_only=True)
class History:
    """Last events of each state, newest first; all arrays are ``(n_states, length)``."""

    cover: Integers
    """Row in the cover table."""
    item: Integers
    """Row in the item table; 0 where there is no event."""
    clicked: Flags
    age: Floats32
    """Days from the event to the end of the state's ds."""
    position: Integers
    present: Flags
    """False is padding."""


@dataclass(frozen=True, kw_only=True)
class States:
    """Users at the end of a ds; one row per user x ds."""

    user: npt.NDArray[np.object_]
    """``(n_states,)`` user ids."""
    numeric: Floats32
    """``(n_states, len(USER_COLUMNS))``, transformed."""
    preference: Floats32
    """``(n_states, 160)``: pref_embedding 128 and pref_style 32."""
    history: History
    events: Events
    """What users were shown in four weeks; shared by the states of all days."""
    begin: Ints
    """``(n_states,)`` first event of each state in ``events``."""
    end: Ints
    """``(n_states,)`` the one after its last."""
    affinity_keys: Ints
    """Sorted ``state * (n_categories + 1) + category``."""
    affinity_values: Floats32
    """Logarithms: 0 is a category that the user clicks as often as any other."""
    n_categories: int

    def __len__(self) -> int:
        return len(self.user)

    def affinity(self, state: npt.NDArray[Any], category: npt.NDArray[Any]) -> Floats32:
        """Log affinity of states to categories, elementwise; 0, which is neutral, where none is stored."""
        wanted = state.astype(np.int64) * (self.n_categories + 1) + category
        if not len(self.affinity_keys):
            return np.zeros(len(wanted), np.float32)
        at = np.minimum(np.searchsorted(self.affinity_keys, wanted), len(self.affinity_keys) - 1)
        return np.where(self.affinity_keys[at] == wanted, self.affinity_values[at], 0.0).astype(np.float32)


def load_states(
    lake: Lake,
    ds: date,
    users: Sequence[str],
    *,
    covers: CoverTable,
    items: ItemTable,
    length: int,
    events: Events | None = None,
) -> States:
    """States of ``users`` at the end of ``ds``, in their order.

    A user without rows in that partition, who was not seen before, gets zero counts, a zero
    preference and no events.

    Parameters
    ----------
    ds
        Partition of user_features and user_history; of impressions only those of later days
        may use it.
    length
        Events kept per state.
    events
        What was shown up to ``ds``, or longer; read for these users where it is left out.

    Raises
    ------
    MissingTable
        When the features stage has not written ``ds``.
    """
    wanted = pa.array(list(users), pa.string())
    if events is None:
        events = load_events(lake, ds, ds, wanted, covers=covers.ids, items=items.ids)
    begin, end = events.spans(wanted, ds)
    return States(
        user=np.asarray(list(users), object),
        events=events,
        begin=begin,
        end=end,
        history=_load_history(lake, ds, wanted, covers=covers, items=items, length=length),
        **_load_features(lake, ds, wanted, items),
    )


def _load_features(lake: Lake, ds: date, users: pa.Array, items: ItemTable) -> dict[str, Any]:
    columns = ["user_id", *USER_COLUMNS, "category_affinity", "pref_embedding", "pref_style"]
    table = read_evenings(lake, "user_features", [ds], columns)
    table = table.filter(pc.is_in(table["user_id"], value_set=users)).combine_chunks()
    prior = dict.fromkeys(USER_COLUMNS, 0.0)
    shown = pc.sum(table["impressions_28d"]).as_py() or 0
    for days in WINDOWS:
        prior[f"ctr_{days}d"] = (pc.sum(table["clicks_28d"]).as_py() or 0) / shown if shown else 0.0
    frame = table.select(list(USER_COLUMNS)).to_pandas().astype(np.float64)
    frame.loc[len(frame)] = {**prior, "recency_hours": np.nan}
    # A user who is not in the partition takes the last row, which is the prior.
    at = rows_of(users, table["user_id"].combine_chunks()) - 1
    preference = np.zeros((len(table) + 1, VECTOR_DIM), np.float32)
    if len(table):
        preference[:-1, :EMBED_DIM] = matrix(table["pref_embedding"], EMBED_DIM, "user_features.pref_embedding")
        preference[:-1, EMBED_DIM:] = matrix(table["pref_style"], STYLE_DIM, "user_features.pref_style")
    keys, values = _affinity(table["category_affinity"], at, items.categories)
    return {
        "numeric": numbers(frame, USER_COLUMNS)[at],
        "preference": preference[at],
        "affinity_keys": keys,
        "affinity_values": values,
        "n_categories": len(items.categories),
    }


def _affinity(column: pa.ChunkedArray, at: npt.NDArray[Any], categories: Sequence[str]) -> tuple[Ints, Floats32]:
    """Sorted keys and values of the category maps of table rows ``at`` (-1 is none)."""
    state_of = np.full(len(column), -1, np.int64)
    state_of[at[at >= 0]] = np.flatnonzero(at >= 0)
    keys: list[Ints] = [np.zeros(0, np.int64)]
    values: list[Floats32] = [np.zeros(0, np.float32)]
    done = 0
    for chunk in column.chunks:
        offsets = chunk.offsets.to_numpy()
        inner = slice(int(offsets[0]), int(offsets[-1]))
        state = np.repeat(state_of[done : done + len(chunk)], np.diff(offsets))
        number = rows_of(chunk.keys[inner], pa.array(list(categories), pa.string()))
        kept = (state >= 0) & (number > 0)
        keys.append(state[kept] * (len(categories) + 1) + number[kept])
        values.append(chunk.items[inner].to_numpy(zero_copy_only=False).astype(np.float32)[kept])
        done += len(chunk)
    flat = np.concatenate(keys)
    order = np.argsort(flat, kind="stable")
    ratio = np.maximum(np.concatenate(values)[order], LEAST_AFFINITY)
    return flat[order], np.log(ratio)


def _load_history(
    lake: Lake, ds: date, users: pa.Array, *, covers: CoverTable, items: ItemTable, length: int
) -> History:
    table = lake.read("user_history", ds=ds, columns=["user_id", "events"])
    table = table.filter(pc.is_in(table["user_id"], value_set=users))
    lists = table["events"].combine_chunks()
    events = lists.flatten()
    sizes = np.asarray(pc.list_value_length(lists).to_numpy(zero_copy_only=False), np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    at = rows_of(users, table["user_id"].combine_chunks()) - 1
    # Row -1 is a user without history: an empty list behind the last one.
    sizes = np.append(sizes, 0)
    present = np.arange(length) < np.minimum(sizes[at], length)[:, None]
    index = np.where(present, np.where(at < 0, 0, starts[at])[:, None] + np.arange(length), 0)
    end = datetime.combine(ds + timedelta(days=1), datetime.min.time(), UTC)
    age = (end.timestamp() * 1e6 - _field(events, "ts").cast(pa.int64()).to_numpy()) / MICROSECONDS_A_DAY

    def padded(values: npt.NDArray[Any], kind: Any) -> npt.NDArray[Any]:
        if not len(values):
            return np.zeros(index.shape, kind)
        return np.where(present, values[index], 0).astype(kind)

    return History(
        cover=padded(rows_of(_field(events, "cover_id"), covers.ids), np.int32),
        item=padded(rows_of(_field(events, "item_id"), items.ids), np.int32),
        clicked=padded(_field(events, "clicked").to_numpy(zero_copy_only=False), np.bool_),
        age=padded(age, np.float32),
        position=padded(_field(events, "position").to_numpy(zero_copy_only=False), np.int32),
        present=present,
    )


def _field(events: pa.StructArray, name: str) -> pa.Array:
    return pc.struct_field(events, name)


def join_states(parts: Sequence[States]) -> States:
    """States of several days as one, in order."""
    n_categories = parts[0].n_categories
    offsets = np.cumsum([0, *(len(part) for part in parts[:-1])])
    history = {
        name: np.concatenate([getattr(part.history, name) for part in parts])
        for name in ("cover", "item", "clicked", "age", "position", "present")
    }
    if any(part.events is not parts[0].events for part in parts):
        raise ValueError("states of several days must share their events: load these once and hand them on")
    return States(
        user=np.concatenate([part.user for part in parts]),
        events=parts[0].events,
        begin=np.concatenate([part.begin for part in parts]),
        end=np.concatenate([part.end for part in parts]),
        numeric=np.concatenate([part.numeric for part in parts]),
        preference=np.concatenate([part.preference for part in parts]),
        history=History(**history),
        affinity_keys=np.concatenate(
            [part.affinity_keys + start * (n_categories + 1) for part, start in zip(parts, offsets, strict=True)]
        ),
        affinity_values=np.concatenate([part.affinity_values for part in parts]),
        n_categories=n_categories,
    )
