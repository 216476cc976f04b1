"""User history: a user's last events, as of the end of each feature day."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from jobs.features.chunks import key_offsets, ragged, whole_keys
from jobs.features.windows import LONGEST, day_text, slices
from jobs.lake.arrays import Ints
from jobs.lake.schema.features import USER_HISTORY

EVENT_FIELDS = [field.name for field in USER_HISTORY.schema.field("events").type.value_type]


def newest(day: Ints, days: Ints, length: int) -> list[tuple[int, Ints]]:
    """Events to keep for each feature day that has any, newest first.

    Parameters
    ----------
    day
        (n,) day numbers of a user's events, oldest first.
    days
        (d,) feature days.
    length
        Most events to keep.

    Returns
    -------
    list
        (feature day, places of the events), only events of the longest window.

    Examples
    --------
    >>> [(day, places.tolist()) for day, places in newest(np.array([1, 2, 2, 4]), np.array([2, 4]), 2)]
    [(2, [2, 1]), (4, [3, 2])]
    """
    low, high = slices(day, days, LONGEST)
    return [
        (int(feature_day), np.arange(end - 1, max(first, end - length) - 1, -1))
        for feature_day, first, end in zip(days, low, high, strict=True)
        if end > first
    ]


def user_history(days: Ints, length: int) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Task that turns events into rows of ``user_history``."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for chunk in whole_keys(batches, "user_id"):
            offsets = key_offsets(chunk["user_id"])
            day = chunk["day"].to_numpy().astype(np.int64)
            users: list[pa.StringScalar] = []
            texts: list[str] = []
            places: list[Ints] = []
            for first, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
                for feature_day, found in newest(day[first:end], days, length):
                    users.append(chunk["user_id"][first])
                    texts.append(day_text(feature_day))
                    places.append(found + first)
            if places:
                yield as_batch(chunk, users, texts, places)

    return task


def as_batch(chunk: pa.Table, users: list[pa.StringScalar], texts: list[str], places: list[Ints]) -> pa.RecordBatch:
    """One row per entry of ``users``, ``texts`` and ``places``; events are taken from ``chunk``."""
    taken = chunk.select(EVENT_FIELDS).take(pa.array(np.concatenate(places))).combine_chunks()
    kind = USER_HISTORY.schema.field("events").type.value_type
    events = pa.StructArray.from_arrays(
        [taken[name].combine_chunks().cast(kind.field(name).type) for name in EVENT_FIELDS], fields=list(kind)
    )
    lists = pa.ListArray.from_arrays(ragged([len(found) for found in places]), events)
    return pa.record_batch([pa.array(texts), pa.array(users, pa.string()), lists], USER_HISTORY.schema.names)
