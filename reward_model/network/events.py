"""Everything that users were shown in the four weeks before a label day, as flat arrays.

The last events of a state (:class:`reward_model.network.user_state.History`) say what a user did lately; tastes
are estimated from all events, clicked or not. They are kept once, ordered by user and day, and a state is a
span of them, so that states of many days share them.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.lake.arrays import Flags, Ints
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import WINDOWS

Integers = npt.NDArray[np.int32]

WINDOW = max(WINDOWS)
"""Days of events that a state sees."""
COLUMNS = ["ds", "user_id", "item_id", "cover_id", "position", "clicked"]


@dataclass(frozen=True, kw_only=True)
class Events:
    """Impressions ordered by user and day; every array is ``(n_events,)``."""

    users: pa.Array
    """Ids, sorted."""
    user: Integers
    """Row in ``users``, non-decreasing."""
    day: Integers
    """Ordinal of the day, non-decreasing within a user."""
    item: Integers
    """Row in the item table; 0 is unknown."""
    cover: Integers
    """Row in the cover table; 0 is unknown."""
    position: Integers
    clicked: Flags

    def __len__(self) -> int:
        return len(self.user)

    def spans(self, users: pa.Array, ds: date) -> tuple[Ints, Ints]:
        """First event, and the one after the last, of each user's four weeks that end with ``ds``; both ``(n_users,)``.

        Someone without events has an empty span.
        """
        found = pc.fill_null(pc.index_in(users, value_set=self.users), -1)
        row = np.asarray(found.to_numpy(zero_copy_only=False), np.int64)
        key = self.user.astype(np.int64) * _FAR + self.day
        begin = np.searchsorted(key, row * _FAR + ds.toordinal() - WINDOW + 1)
        end = np.searchsorted(key, row * _FAR + ds.toordinal(), side="right")
        known = row >= 0
        return np.where(known, begin, 0), np.where(known, end, 0)


EVENT_ARRAYS = ("user", "day", "item", "cover", "position", "clicked")
"""Fields of :class:`Events` with one entry an event."""
_FAR = 10_000_000
"""More than any ordinal of a day."""


def no_events() -> Events:
    """Nobody was shown anything."""
    nothing = np.zeros(0, np.int32)
    return Events(
        users=pa.array([], pa.string()),
        user=nothing,
        day=nothing,
        item=nothing,
        cover=nothing,
        position=nothing,
        clicked=np.zeros(0, np.bool_),
    )


def load_events(
    lake: Lake, first: date, last: date, users: pa.Array | None, *, covers: pa.Array, items: pa.Array
) -> Events:
    """Events of the four weeks that end with any day from ``first`` to ``last``.

    Parameters
    ----------
    lake
        Its impressions are read; days that are not there are left out.
    first, last
        Evenings whose states will ask.
    users
        Only these; None is everybody.
    covers, items
        Ids by row, from row 1.
    """
    days = [first - timedelta(days=back) for back in range(WINDOW - 1, 0, -1)]
    days += [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    if not lake.exists("impressions") or (users is not None and not len(users)):
        return no_events()
    filters = None if users is None else [("user_id", "in", pc.unique(users).to_pylist())]
    log = lake.read("impressions", ds=days, columns=COLUMNS, filters=filters)
    names = pc.unique(log["user_id"]).sort()
    user = _rows(log["user_id"], names)
    distinct = pc.unique(log["ds"])
    at = np.asarray(pc.index_in(log["ds"], value_set=distinct).to_numpy(), np.int64)
    ordinals = np.array([date.fromisoformat(text).toordinal() for text in distinct.to_pylist()], np.int32)
    day = ordinals[at]
    cover, item = _rows(log["cover_id"], covers) + 1, _rows(log["item_id"], items) + 1
    position = log["position"].to_numpy().astype(np.int32)
    # Ties are put in an order of their own, so that the order of files does not matter.
    order = np.lexsort((cover, position, item, day, user))
    return Events(
        users=names,
        user=user[order],
        day=day[order],
        item=item[order],
        cover=cover[order],
        position=position[order],
        clicked=log["clicked"].to_numpy().astype(bool)[order],
    )


def _rows(values: pa.ChunkedArray, known: pa.Array) -> Integers:
    """Place of each value among ``known``; -1 where it is unknown."""
    found = pc.fill_null(pc.index_in(values, value_set=known, skip_nulls=True), -1)
    return np.asarray(found.to_numpy(), np.int32)
