"""Who and what a comparison is about: held-out users, held-out items, segments, and who is painted what.

Neither a method, a generator, an encoder nor a reward model was trained on a picture of a held-out item or on a
held-out user as a user (segments have them among their members). Users are drawn evenly from the groups of
:data:`recsys_eval.people.events.BUCKETS` and weighted back to what they are among all held-out users. Items are
dealt into groups, and so are users: a user is painted the items of their group, and users of one group can be swapped.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conf.errors import UsageError
from generation.catalogue import items_with_default
from generation.pictures import to_pixels
from generation.types import ItemContent
from jobs.lake.arrays import Flags, Floats, Ints, Pixels
from jobs.lake.context import Context
from jobs.lake.splits import split_of
from recsys_eval.people.events import People


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is painted."""

    users: int = 48
    """Held-out users of each group by clicks, at most; all where there are fewer."""
    items: int = 48
    """Held-out items, for the segment level; at the user level each user is painted those of one group."""
    groups: int = 3
    """Groups that items and users are dealt into."""
    noise_users: int = 24
    """Users of each group by clicks who are painted with noise in their history too, at most."""
    seeds: int = 3
    """Painting seeds; noise is painted with the first alone."""

    def __post_init__(self) -> None:
        for name in ("users", "items", "groups", "seeds"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name} is {getattr(self, name)}: a comparison needs at least 1")
        if self.items < self.groups:
            raise UsageError(
                f"--items {self.items} cannot be dealt into {self.groups} groups: give --groups 1 or more items"
            )


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Users and items. ``U`` users, ``I`` items."""

    everyone: People
    """All held-out users: the segment level is averaged over them."""
    people: People
    """(U,) those that are painted for, by id."""
    group: Ints
    """(U,) of each user."""
    content: tuple[ItemContent, ...]
    """(I,) by id."""
    pixels: Pixels
    """(I, 64, 64, 3) their original covers."""
    item_group: Ints
    """(I,) of each item."""

    @classmethod
    def read(cls, ctx: Context, sizes: Sizes, seed: int) -> "Cast":
        """Of a night, drawn with a seed.

        Raises
        ------
        UsageError
            There is no held-out user, or no held-out item with a cover.
        """
        everyone = People.read(ctx, "held_out")
        people = everyone.sample(sizes.users, seed)
        frame = items_with_default(ctx.lake, ctx.ds)
        frame = frame[[split_of(item) == "held_out" for item in frame["item_id"]]]
        if len(frame) < sizes.groups:
            raise UsageError(f"{len(frame)} held-out items have a cover on {ctx.ds}: run `coverlift nightly` first")
        rng = np.random.default_rng([seed, 1])
        chosen = frame.iloc[np.sort(rng.permutation(len(frame))[: sizes.items])]
        return cls(
            everyone=everyone,
            people=people,
            group=dealt(people.bucket, sizes.groups, rng),
            content=tuple(
                ItemContent(
                    item_id=row["item_id"],
                    title=row["title"],
                    tags=tuple(row["tags"]),
                    reference_cover_id=row["reference_cover_id"],
                )
                for row in chosen.to_dict("records")
            ),
            pixels=np.stack([to_pixels(ctx.images.get(cover)) for cover in chosen["reference_cover_id"]]),
            item_group=dealt(np.zeros(len(chosen), np.int64), sizes.groups, rng),
        )

    @cached_property
    def weight(self) -> Floats:
        """(U,) held-out users that each user stands for."""
        all_of, drawn = np.bincount(self.everyone.bucket, minlength=9), np.bincount(self.people.bucket, minlength=9)
        return np.asarray((all_of / np.maximum(drawn, 1))[self.people.bucket], np.float64)

    @cached_property
    def painted(self) -> Flags:
        """(U, I) whether a user is painted an item."""
        same: Flags = self.group[:, None] == self.item_group[None, :]
        return same

    @property
    def item_ids(self) -> list[str]:
        """(I,)."""
        return [item.item_id for item in self.content]

    def noisy(self, each: int) -> Flags:
        """(U,) users with clicks who are painted with noise too: the first ``each`` of each group by clicks."""
        bucket = self.people.bucket
        place = np.array([(bucket[:row] == bucket[row]).sum() for row in range(len(bucket))])
        found: Flags = (place < each) & (self.people.clicks > 0)
        return found


def dealt(kind: Ints, groups: int, rng: np.random.Generator) -> Ints:
    """A group for each row, those of each kind spread evenly over the groups.

    Examples
    --------
    >>> dealt(np.array([0, 0, 0, 1, 1, 1]), 3, np.random.default_rng(0)).reshape(2, 3).sum(axis=1).tolist()
    [3, 3]
    """
    group = np.empty(len(kind), np.int64)
    for each in np.unique(kind):
        rows = rng.permutation(np.flatnonzero(kind == each))
        group[rows] = np.arange(len(rows)) % groups
    return group
