"""Pictures to look at: segments with their exemplars, and items original beside painted beside true.

Items are chosen by the hash of their id, never by how their covers turned out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from conf.errors import CorruptImage
from jobs.lake.context import Context
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.ranking.cover_assignment import covers_beside
from recsys_eval.simulation.context import favourite_families

MAX_EXEMPLARS = 8


@dataclass(frozen=True, kw_only=True)
class GallerySegment:
    """Who a segment is."""

    segment_id: str
    size: int
    top_categories: list[str]
    exemplars: list[bytes]
    """Encoded covers that its users clicked, nearest to its profile."""
    favourite: str | None = None
    """Family its users like most on average: the world's truth (simulated); None where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class GalleryItem:
    """An item with everything painted for it. Pictures are encoded bytes by segment id."""

    item_id: str
    title: str
    category: str
    is_new: bool
    original: bytes
    original_style: str | None
    painted: dict[str, bytes]
    beside: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """What other methods painted, by method."""
    truth: dict[str, bytes] = field(default_factory=dict)
    """Real drawing in the segment's favourite family, where it exists."""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """What was published on one night."""

    segments: list[GallerySegment]
    items: list[GalleryItem]
    """In the order of the hash of their ids, new ones first."""


def load_gallery(ctx: Context, *, count: int) -> Gallery:
    """Segments of the night and up to ``count`` items with published covers; empty lists where there are none."""
    world = World(ctx.settings.world) if ctx.settings.ingest.source == "stickers" else None
    segments = _segments(ctx, world)
    published = _published(ctx)
    if not published.height:
        return Gallery(segments=segments, items=[])
    others = {name: _by_item(frame) for name, frame in covers_beside(ctx.lake, ctx.ds, published).items()}
    new = set(
        ctx.lake.read("item_features", ds=ctx.ds, columns=["item_id"], filters=[("impressions_28d", "=", 0)])[
            "item_id"
        ].to_pylist()
    )
    names = sorted(set(published["item_id"].to_list()), key=lambda name: (name not in new, _hash(name)))[:count]
    favourites = {segment.segment_id: segment.favourite for segment in segments}
    pack = world.items.pack if world else None
    items = _items(ctx, published, names, new, favourites, pack)
    return Gallery(segments=segments, items=[_with_others(ctx, item, others) for item in items])


def _by_item(covers: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Cover by segment, by item."""
    found: dict[str, dict[str, str]] = {}
    for item, segment, cover in covers.select("item_id", "segment_id", "cover_id").iter_rows():
        found.setdefault(item, {})[segment] = cover
    return found


def _with_others(ctx: Context, item: GalleryItem, others: dict[str, dict[str, dict[str, str]]]) -> GalleryItem:
    beside = {name: _by_segment(ctx, covers.get(item.item_id, {})) for name, covers in others.items()}
    return replace(item, beside={name: pictures for name, pictures in beside.items() if pictures})


def _by_segment(ctx: Context, covers: dict[str, str]) -> dict[str, bytes]:
    """Pictures that can be read, by segment."""
    return {segment: picture for segment, cover in covers.items() if (picture := _picture(ctx, cover))}


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _published(ctx: Context) -> pl.DataFrame:
    columns = ["item_id", "segment_id", "cover_id"]
    if not ctx.lake.exists("published_covers"):
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.DataFrame(ctx.lake.read("published_covers", ds=ctx.ds, columns=columns))


def _picture(ctx: Context, cover_id: str) -> bytes | None:
    """Bytes of a picture, None where the store lacks it or it is damaged."""
    try:
        return ctx.images.get(cover_id)
    except (FileNotFoundError, CorruptImage):
        return None


def _pictures(ctx: Context, cover_ids: Sequence[str]) -> list[bytes]:
    return [picture for cover_id in cover_ids if (picture := _picture(ctx, cover_id)) is not None]


def _segments(ctx: Context, world: World | None) -> list[GallerySegment]:
    if not ctx.lake.exists("segments"):
        return []
    columns = ["segment_id", "size", "top_categories", "exemplar_covers"]
    rows = ctx.lake.read("segments", ds=ctx.ds, columns=columns).sort_by("segment_id").to_pylist()
    favourites = _favourites(ctx, world) if world else {}
    return [
        GallerySegment(
            segment_id=row["segment_id"],
            size=row["size"],
            top_categories=list(row["top_categories"]),
            exemplars=_pictures(ctx, row["exemplar_covers"][:MAX_EXEMPLARS]),
            favourite=favourites.get(row["segment_id"]),
        )
        for row in rows
    ]


def _favourites(ctx: Context, world: World) -> dict[str, str]:
    """Family each segment's users like most on average, by the world's truth."""
    members = ctx.lake.read("user_segments", ds=ctx.ds, columns=["user_id", "segment_id"])
    names, segment = np.unique(members["segment_id"].to_pylist(), return_inverse=True)
    users = world.user_index(members["user_id"].to_pylist())
    families = favourite_families(world, users, segment, len(names))
    return {str(name): FAMILIES[family] for name, family in zip(names, families, strict=True)}


def _items(
    ctx: Context,
    published: pl.DataFrame,
    names: list[str],
    new: set[str],
    favourites: dict[str, str | None],
    pack: PicturePack | None,
) -> list[GalleryItem]:
    wanted = [("item_id", "in", names)]
    about = {
        row["item_id"]: row
        for row in ctx.lake.read("items", columns=["item_id", "title", "category"], filters=wanted).to_pylist()
    }
    default = ctx.lake.read("covers", columns=["item_id", "cover_id"], filters=[*wanted, ("is_default", "=", True)])
    originals = dict(zip(default["item_id"].to_pylist(), default["cover_id"].to_pylist(), strict=True))
    covers = _by_item(published.filter(pl.col("item_id").is_in(names)))
    items = []
    for name in names:
        original = _picture(ctx, originals[name])
        if original is None:
            continue
        items.append(
            GalleryItem(
                item_id=name,
                title=about[name]["title"],
                category=about[name]["category"],
                is_new=name in new,
                original=original,
                original_style=_style_of(pack, name, original),
                painted=_by_segment(ctx, covers[name]),
                truth=_truth(pack, name, favourites),
            )
        )
    return items


def _style_of(pack: PicturePack | None, item_id: str, picture: bytes) -> str | None:
    """Family whose drawing these bytes are."""
    if pack is None:
        return None
    return next((family for family in pack.families_of(item_id) if pack.bytes(item_id, family) == picture), None)


def _truth(pack: PicturePack | None, item_id: str, favourites: dict[str, str | None]) -> dict[str, bytes]:
    """Real drawing of the item in each segment's favourite family, where the family draws it."""
    if pack is None:
        return {}
    drawn = pack.families_of(item_id)
    return {name: pack.bytes(item_id, family) for name, family in favourites.items() if family in drawn}
