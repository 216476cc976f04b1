"""Published and unpersonalised pictures of a night with their pixels, by item and segment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from generation.pictures import to_pixels
from jobs.lake.arrays import Ints, Pixels
from jobs.lake.images import ImageStore
from recsys_eval.night import Night
from recsys_eval.ranking.cover_assignment import (
    covers_beside,
    published_assignment,
    unpersonalised_assignment,
)


@dataclass(frozen=True, kw_only=True)
class Painted:
    """Pictures painted for one night. ``P`` pictures, ``I`` items, ``S`` segments."""

    item_ids: list[str]
    segment_ids: list[str]
    cover_ids: list[str]
    """Distinct pictures, (P,)."""
    pixels: Pixels
    """(P, 64, 64, 3)."""
    subject: list[str]
    """Item that each picture was painted for, (P,)."""
    published: Ints
    """(I, S) picture shown to the segment, -1 without one."""
    unpersonalised: Ints
    """(I,) picture painted without any preference, -1 without one."""
    beside: dict[str, Ints]
    """Method -> (I, S) picture that it painted beside the published ones, -1 without one."""
    user_ids: list[str]
    """Users of these segments."""
    user_segment: Ints
    """(U,) number of each user's segment."""

    def shuffled(self, seed: int) -> Ints:
        """(I, S): every segment gets another one's pictures; all -1 with fewer than two segments."""
        n = len(self.segment_ids)
        if n < 2:
            return np.full_like(self.published, -1)
        order = np.random.default_rng(seed).permutation(n)
        result = np.empty_like(self.published)
        result[:, order] = self.published[:, np.roll(order, 1)]
        return result


def read_pixels(images: ImageStore, cover_ids: Sequence[str]) -> Pixels:
    """Pictures of the store, (N, 64, 64, 3) uint8 RGB on white."""
    if not cover_ids:
        return np.zeros((0, 64, 64, 3), np.uint8)
    return np.stack([to_pixels(images.get(cover_id)) for cover_id in cover_ids])


def load_painted(night: Night) -> Painted | None:
    """What was published on ``ds``, with its controls; None where nothing was."""
    assignment = published_assignment(night.lake, night.ctx.ds)
    if not len(assignment):
        return None
    plain = unpersonalised_assignment(
        night.lake, night.ctx.ds, assignment.segments, assignment.covers["item_id"]
    ).covers
    pairs = assignment.covers.select("item_id", "segment_id", "cover_id")
    others = covers_beside(night.lake, night.ctx.ds, pairs)
    pictures = pl.concat([frame.select("cover_id", "item_id") for frame in (pairs, plain, *others.values())])
    pictures = pictures.unique(["cover_id", "item_id"]).sort("item_id", "cover_id")
    number = {key: place for place, key in enumerate(pictures.iter_rows())}
    items = pairs["item_id"].unique().sort().to_list()
    segments = pairs["segment_id"].unique().sort().to_list()
    item_at = {name: place for place, name in enumerate(items)}
    segment_at = {name: place for place, name in enumerate(segments)}

    def places(frame: pl.DataFrame) -> Ints:
        picture = np.full((len(items), len(segments)), -1, np.int64)
        for item, segment, cover in frame.select("item_id", "segment_id", "cover_id").iter_rows():
            picture[item_at[item], segment_at[segment]] = number[cover, item]
        return picture

    unpersonalised = np.full(len(items), -1, np.int64)
    for item, cover in plain.select("item_id", "cover_id").iter_rows():
        unpersonalised[item_at[item]] = number[cover, item]
    members = assignment.segments.filter(pl.col("segment_id").is_in(segments)).sort("user_id")
    cover_ids = pictures["cover_id"].to_list()
    return Painted(
        item_ids=items,
        segment_ids=segments,
        cover_ids=cover_ids,
        pixels=read_pixels(night.ctx.images, cover_ids),
        subject=pictures["item_id"].to_list(),
        published=places(pairs),
        unpersonalised=unpersonalised,
        beside={method: places(frame) for method, frame in others.items()},
        user_ids=members["user_id"].to_list(),
        user_segment=np.array([segment_at[name] for name in members["segment_id"]], np.int64),
    )
