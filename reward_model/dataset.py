"""Impressions joined with what was known on the evening before, as arrays.

Point in time: an impression of day d sees the partition ``ds = d - 1`` of user_features,
user_history and item_features, never its own day. Items keep their use in every table: of
the label days, buckets 2 to 7 train and bucket 1 stops and calibrates; bucket 0 is left
out; the test days keep all items.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import ContractError
from jobs.lake.arrays import Flags, Floats, Floats32
from jobs.lake.lake import Lake
from jobs.lake.point_in_time import evening_before, read_evenings
from jobs.lake.splits import HELD_OUT, VALIDATION, bucket
from reward_model.network.events import load_events
from reward_model.network.features import ITEM_COLUMNS, numbers, title_shape, unseen_item
from reward_model.network.user_state import (
    CoverTable,
    Integers,
    ItemTable,
    States,
    join_states,
    load_states,
    rows_of,
)

IMPRESSION_COLUMNS = ["impression_id", "user_id", "item_id", "cover_id", "position", "clicked", "title"]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Labelled impressions: one row each, ordered by day, user and impression id."""

    covers: CoverTable
    items: ItemTable
    title_shapes: Floats32
    """``(n_texts, len(TITLE_COLUMNS))`` of the distinct words shown."""
    states: States
    state: Integers
    """``(n_rows,)`` row in ``states``."""
    item: Integers
    """Row in ``items``; 0 is unknown."""
    cover: Integers
    """Row in ``covers``."""
    title: Integers
    """Row in ``title_shapes``."""
    item_numeric: Floats32
    """``(n_rows, len(ITEM_COLUMNS))``, transformed."""
    unseen_numeric: Floats32
    """``(n_days, len(ITEM_COLUMNS))``: what an item unknown on that day would have."""
    item_ctr: Floats
    """Smoothed CTR of the item over 28 days as of the day before."""
    affinity: Floats32
    """Log affinity of the state to the item's category."""
    position: Integers
    clicked: Flags
    day: Integers
    """Number of the label day in ``days``."""
    days: tuple[date, ...]
    bucket: Integers
    """Bucket of the item, 0 to 7."""

    def __len__(self) -> int:
        return len(self.state)

    @property
    def user(self) -> npt.NDArray[np.object_]:
        """``(n_rows,)`` user ids."""
        return np.asarray(self.states.user[self.state], object)

    def take(self, chosen: Flags) -> "Examples":
        """Rows where ``chosen`` holds; tables and states stay shared."""
        rows = {name: getattr(self, name)[chosen] for name in ROW_FIELDS}
        return replace(self, **rows)

    def digest(self) -> str:
        """SHA-256 of everything in it, so that equal data means equal version."""
        known = hashlib.sha256()
        for part in (self, self.states, self.states.history, self.states.events, self.covers, self.items):
            for spec in fields(part):
                value = getattr(part, spec.name)
                if isinstance(value, np.ndarray) and value.dtype != object:
                    known.update(f"{spec.name}{value.shape}{value.dtype}".encode())
                    known.update(np.ascontiguousarray(value).tobytes())
        for names in (self.states.user, self.items.ids.to_pylist(), self.items.categories, self.days):
            known.update("\x1f".join(map(str, names)).encode())
        return known.hexdigest()


ROW_FIELDS = (
    "state",
    "item",
    "cover",
    "title",
    "item_numeric",
    "item_ctr",
    "affinity",
    "position",
    "clicked",
    "day",
    "bucket",
)
"""Fields of :class:`Examples` that have one entry per row."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The three uses of the rows."""

    train: Examples
    """Label days, item buckets 2 to 7."""
    validation: Examples
    """Label days, item bucket 1: early stopping, calibration and the gate."""
    test: Examples
    """The days after the cut, all items: reported, never chosen by."""


def load_examples(lake: Lake, days: Sequence[date], *, encoder_id: str, history_length: int) -> Examples:
    """Impressions of the label ``days`` with features of the evenings before.

    Raises
    ------
    ContractError
        When the days hold no impressions.
    MissingTable
        When a partition is missing that an earlier stage writes.
    """
    items = ItemTable.load(lake, encoder_id)
    covers = CoverTable.load(lake, encoder_id)
    logs = [_impressions(lake, day, items) for day in days]
    if not sum(map(len, logs)):
        raise ContractError(f"impressions has no rows from {min(days)} to {max(days)}: run ingest for these days")
    texts = pc.unique(pa.chunked_array([chunk for log in logs for chunk in log["title"].chunks], pa.string())).sort()
    evenings = [evening_before(day) for day in days]
    events = load_events(lake, min(evenings), max(evenings), None, covers=covers.ids, items=items.ids)
    states, columns, unseen, first = [], [], [], 0
    for number, (day, log) in enumerate(zip(days, logs, strict=True)):
        known = evening_before(day)
        users = sorted(set(log["user_id"].to_pylist()))
        part = load_states(lake, known, users, covers=covers, items=items, length=history_length, events=events)
        rows = _rows(log, number, part=part, items=items, covers=covers, texts=texts)
        of_items, prior = _item_rows(lake, known, log)
        columns.append({**rows, **of_items, "state": rows["state"] + first})
        unseen.append(prior)
        states.append(part)
        first += len(part)
    joined = {name: np.concatenate([part[name] for part in columns]) for name in ROW_FIELDS}
    return Examples(
        covers=covers,
        items=items,
        title_shapes=title_shape(texts.to_pylist()),
        states=join_states(states),
        unseen_numeric=np.concatenate(unseen),
        days=tuple(days),
        **joined,
    )


def split_examples(examples: Examples, cut: date) -> Split:
    """Training and validation rows up to ``cut``, test rows after it.

    Raises
    ------
    ContractError
        When one of the three has no click or no skip, so that nothing can be learned or measured.
    """
    before = np.asarray([day <= cut for day in examples.days])[examples.day]
    learned = before & (examples.bucket != HELD_OUT) & (examples.bucket != VALIDATION)
    split = Split(
        train=examples.take(learned),
        validation=examples.take(before & (examples.bucket == VALIDATION)),
        test=examples.take(~before),
    )
    for name in ("train", "validation", "test"):
        clicked = getattr(split, name).clicked
        if not clicked.any() or clicked.all():
            raise ContractError(
                f"the {name} rows of the reward model have {int(clicked.sum())} clicks in {len(clicked)} impressions: "
                "both clicks and skips are needed; give it more days or users"
            )
    return split


def label_days(cut: date, count: int) -> list[date]:
    """The ``count`` days that end with ``cut``.

    Examples
    --------
    >>> label_days(date(2026, 3, 22), 2)
    [datetime.date(2026, 3, 21), datetime.date(2026, 3, 22)]
    """
    return [cut - timedelta(days=back) for back in range(count - 1, -1, -1)]


def _impressions(lake: Lake, day: date, items: ItemTable) -> pa.Table:
    """One day's log in a fixed order, with the item's own words where none were logged."""
    log = lake.read("impressions", ds=day, columns=IMPRESSION_COLUMNS)
    log = log.sort_by([("user_id", "ascending"), ("impression_id", "ascending")])
    at = rows_of(log["item_id"], items.ids)
    shown = [words or items.titles[row] for words, row in zip(log["title"].to_pylist(), at, strict=True)]
    return log.set_column(log.schema.get_field_index("title"), "title", pa.array(shown, pa.string()))


def _rows(
    log: pa.Table, number: int, *, part: States, items: ItemTable, covers: CoverTable, texts: pa.Array
) -> dict[str, Any]:
    item = rows_of(log["item_id"], items.ids)
    state = rows_of(log["user_id"], pa.array(part.user.tolist(), pa.string())) - 1
    distinct, inverse = np.unique(np.asarray(log["item_id"].to_pylist(), object), return_inverse=True)
    buckets = np.asarray([bucket(item_id) for item_id in distinct], np.int32)
    return {
        "state": state,
        "item": item,
        "cover": rows_of(log["cover_id"], covers.ids),
        "title": rows_of(log["title"], texts) - 1,
        "affinity": part.affinity(state, items.category[item]),
        "position": log["position"].to_numpy().astype(np.int32),
        "clicked": log["clicked"].to_numpy().astype(bool),
        "day": np.full(len(log), number, np.int32),
        "bucket": buckets[inverse] if len(distinct) else np.zeros(0, np.int32),
    }


def _item_rows(lake: Lake, known: date, log: pa.Table) -> tuple[dict[str, Any], Floats32]:
    """Item columns of each row, and what an item without features has on that day."""
    features, prior = load_item_features(lake, known)
    at = rows_of(log["item_id"], pa.array(features["item_id"].tolist()[:-1], pa.string())) - 1
    values = numbers(features, ITEM_COLUMNS)
    return {"item_numeric": values[at], "item_ctr": features["ctr_28d"].to_numpy()[at]}, prior


def load_item_features(lake: Lake, ds: date) -> tuple[pd.DataFrame, Floats32]:
    """item_features of ``ds`` with one more row, the last, for an item it does not have.

    Returns
    -------
    frame
        One row per item, then the unseen item with ``item_id`` None.
    prior
        ``(1, len(ITEM_COLUMNS))``: that last row, transformed.
    """
    table = read_evenings(lake, "item_features", [ds], ["item_id", *ITEM_COLUMNS]).sort_by("item_id")
    frame: pd.DataFrame = table.drop_columns("ds").to_pandas().astype(dict.fromkeys(ITEM_COLUMNS, np.float64))
    unseen = pd.DataFrame([{"item_id": None, **unseen_item(frame)}])
    return pd.concat([frame, unseen], ignore_index=True), numbers(unseen, ITEM_COLUMNS)
