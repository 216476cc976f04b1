"""Users whom methods are judged for, and what each of them was shown and clicked.

Users are split as items are (:mod:`jobs.lake.splits`, over their ids): methods train on users of the split ``train``
only, so that held-out users say what a method does for somebody whom it never saw. They are told apart by how
many clicks are known of them, because that is what a taste is learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from conf.errors import UsageError
from jobs.features.estimators.preference import preferences
from jobs.features.log import Catalogue
from jobs.features.windows import scan_days
from jobs.lake.arrays import Flags, Floats, Floats32, Ints
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from jobs.lake.splits import Split, split_of

BUCKETS = (("0", 0), ("1-2", 1), ("3-9", 3), ("10 or more", 10))
"""Name and least number of clicks of 28 days of each group of users."""
EVENT = ["user_id", "item_id", "cover_id", "ts", "position", "clicked"]


def buckets_of(clicks: Ints) -> Ints:
    """Place in ``BUCKETS`` of users with so many clicks.

    Examples
    --------
    >>> buckets_of(np.array([0, 1, 2, 3, 9, 10, 400])).tolist()
    [0, 1, 1, 2, 2, 3, 3]
    """
    return np.asarray(np.searchsorted([least for _, least in BUCKETS], clicks, side="right") - 1, np.int64)


@dataclass(frozen=True, kw_only=True)
class People:
    """Users at the end of a day, by id. ``U`` users."""

    as_of: date
    ids: tuple[str, ...]
    clicks: Ints
    """(U,) of 28 days."""
    segment: tuple[str, ...]
    """Of each user."""

    @property
    def bucket(self) -> Ints:
        """(U,) places in ``BUCKETS``."""
        return buckets_of(self.clicks)

    @classmethod
    def everybody(cls, ctx: Context) -> "People":
        """All users with an impression in the 28 days up to ds."""
        columns = ["user_id", "clicks_28d"]
        users = pl.DataFrame(ctx.lake.read("user_features", ds=ctx.ds, columns=columns))
        members = pl.DataFrame(ctx.lake.read("user_segments", ds=ctx.ds, columns=["user_id", "segment_id"]))
        rows = users.join(members, on="user_id").sort("user_id")
        return cls(
            as_of=ctx.ds,
            ids=tuple(rows["user_id"]),
            clicks=rows["clicks_28d"].to_numpy().astype(np.int64),
            segment=tuple(rows["segment_id"]),
        )

    @classmethod
    def read(cls, ctx: Context, split: Split) -> "People":
        """Those of them in one split.

        Raises
        ------
        UsageError
            There are none.
        """
        everyone = cls.everybody(ctx)
        found = everyone.take(np.array([split_of(user) == split for user in everyone.ids], bool))
        if not found.ids:
            raise UsageError(f"no {split} user was shown anything up to {ctx.ds}: run `coverlift features` first")
        return found

    def take(self, rows: Ints | Flags) -> "People":
        """Some of them, in the order of ``rows``."""
        places = np.arange(len(self.ids))[rows]
        return replace(
            self,
            ids=tuple(self.ids[place] for place in places),
            clicks=self.clicks[places],
            segment=tuple(self.segment[place] for place in places),
        )

    def sample(self, each: int, seed: int) -> "People":
        """At most ``each`` users of each bucket, drawn with a seed, by id."""
        rng, bucket = np.random.default_rng(seed), self.bucket
        drawn = [rng.permutation(np.flatnonzero(bucket == place))[:each] for place in range(len(BUCKETS))]
        return self.take(np.sort(np.concatenate(drawn)))


@dataclass(frozen=True, kw_only=True)
class Events:
    """What users were shown in the 28 days up to a day: each user's rows together, oldest first."""

    frame: pl.DataFrame
    """user_id, item_id, cover_id, ts, position, clicked, injected."""

    def of(self, user: str) -> pl.DataFrame:
        """Rows of one user."""
        return self._by_user.get((user,), self.frame.clear())

    @cached_property
    def _by_user(self) -> dict[tuple[object, ...], pl.DataFrame]:
        return self.frame.partition_by("user_id", as_dict=True, maintain_order=True)

    @classmethod
    def read(cls, lake: Lake, as_of: date) -> "Events":
        """Everybody's, in the order that the stage ``features`` sees them in."""
        known = lake.partitions("impressions")
        days = [day for day in scan_days([as_of]) if day.isoformat() in known]
        table = lake.read("impressions", ds=days, columns=[*EVENT, "ds", "impression_id"])
        frame = pl.DataFrame(table).sort("user_id", "ds", "ts", "position", "impression_id")
        return cls(frame=frame.select(EVENT).with_columns(injected=pl.lit(False)))

    def preferences(self, users: Sequence[str], catalogue: Catalogue) -> Floats32:
        """(U, 160) what each user prefers, by the function that fills ``user_features``; zeros without events.

        Parameters
        ----------
        users
            U ids.
        catalogue
            Vectors of covers.
        """
        found = [_preference(self.of(user), catalogue) for user in users]
        return np.asarray(np.stack(found), np.float32)


def vectors_of_events(events: pl.DataFrame, catalogue: Catalogue) -> Floats:
    """(N, 160) of the covers of events, NaN where one has none."""
    return catalogue.vectors_of(pa.chunked_array([events["cover_id"].to_arrow().cast(pa.string())]))


def _preference(events: pl.DataFrame, catalogue: Catalogue) -> Floats:
    vectors = vectors_of_events(events, catalogue)
    clicked = events["clicked"].to_numpy().astype(np.int64)
    whole: Floats = preferences(vectors, clicked, np.array([0]), np.array([len(events)]))[0]
    return whole
