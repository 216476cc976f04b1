"""Whom and what a night's tables offer for training: items that are not held out, users and segments.

No held-out item is ever drawn, and no held-out user as a user (segments have them among their members): items go by
:mod:`jobs.lake.splits`, users by the same rule over their ids. Validation items and users are
painted for looks only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conf.errors import UsageError
from generation.catalogue import items_with_default, segment_profiles
from generation.personalization.places import picture_places
from generation.personalization.training.painting import WorldBatch
from generation.pictures import to_pixels
from jobs.lake.arrays import matrix
from jobs.lake.context import Context
from jobs.lake.splits import Split, split_of
from reward_model.encoders.model import Encoders, encode_pictures, to_tensor


@dataclass(frozen=True, kw_only=True)
class Items:
    """Items of one split with what their covers and titles are encoded as."""

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    pixels: NDArray[np.uint8]
    """(N, 64, 64, 3) default covers."""
    places: Tensor
    """(N, 16, 1280) float16"""
    embeddings: Tensor
    """(N, 128) of the covers."""
    text: Tensor
    """(N, 384) of the titles."""
    aligned: Tensor
    """(N, 128) of the titles."""

    @classmethod
    def read(cls, ctx: Context, encoders: Encoders, split: Split, limit: int | None = None) -> "Items":
        """Items of a split as of ds; with a limit, the first so many by id."""
        frame = items_with_default(ctx.lake, ctx.ds)
        frame = frame[[split_of(item) == split for item in frame["item_id"]]].head(limit or len(frame))
        if frame.empty:
            raise UsageError(f"no {split} item has a default cover on {ctx.ds}: run `coverlift ingest` first")
        pixels = np.stack([to_pixels(ctx.images.get(cover)) for cover in frame["reference_cover_id"]])
        embeddings, _ = encode_pictures(encoders.image, pixels, 64)
        raw, aligned = encoders.text.encode(frame["title"].tolist())
        parts = [
            picture_places(encoders.image.backbone, to_tensor(pixels[start : start + 64])).half()
            for start in range(0, len(pixels), 64)
        ]
        return cls(
            ids=tuple(frame["item_id"]),
            titles=tuple(frame["title"]),
            pixels=pixels,
            places=torch.cat(parts),
            embeddings=torch.from_numpy(embeddings),
            text=torch.from_numpy(raw),
            aligned=torch.from_numpy(aligned),
        )


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Segments and users of one split with their preferences."""

    segments: tuple[str, ...]
    users: tuple[str, ...]
    preference: dict[str, NDArray[np.float32]]
    """(160,) by id."""

    @classmethod
    def read(cls, ctx: Context, split: Split, limit: int = 500) -> "Audience":
        """All segments with a profile, and the first ``limit`` users of a split by id who clicked and skipped."""
        profiles = [segment for segment, _ in segment_profiles(ctx.lake, ctx.ds)]
        preference = {
            each.segment_id: np.concatenate([each.pref_embedding, each.pref_style]).astype(np.float32)
            for each in profiles
        }
        preference = {name: value for name, value in preference.items() if value.any()}
        columns = ["user_id", "pref_embedding", "pref_style"]
        table = ctx.lake.read("user_features", ds=ctx.ds, columns=columns).sort_by("user_id")
        vectors = np.concatenate([matrix(table["pref_embedding"]), matrix(table["pref_style"])], axis=1)
        users = [
            (user, vector)
            for user, vector in zip(table["user_id"].to_pylist(), vectors, strict=True)
            if split_of(user) == split and vector.any()
        ][:limit]
        if not preference or not users:
            raise UsageError(f"no segment or no {split} user has a profile on {ctx.ds}: run `coverlift features`")
        return cls(
            segments=tuple(preference), users=tuple(user for user, _ in users), preference=preference | dict(users)
        )

    def unknown(self) -> "Audience":
        """The same segments and users, of whose taste nothing is told."""
        return replace(self, preference={name: np.zeros_like(value) for name, value in self.preference.items()})


class Sampler:
    """Batches by key: items, each for two different segments or users.

    Parameters
    ----------
    items, audience
        What to draw from.
    rows
        Of a batch; even.
    seed
        With the key it decides a batch.
    user_share
        Share of items drawn for users; the rest is for segments.
    each
        How many equal rows stand in place of one: the groups of policy gradients.
    """

    def __init__(
        self, items: Items, audience: Audience, *, rows: int, seed: int, user_share: float = 0.5, each: int = 1
    ) -> None:
        if rows < 2 * each or rows % (2 * each):
            raise ValueError(
                f"rows is {rows}: expected a multiple of {2 * each}, as each item is drawn for two"
                + (f" in groups of {each}" if each > 1 else "")
            )
        self.items, self.audience = items, audience
        self.rows, self.seed, self.user_share, self.each = rows, seed, user_share, each

    def draw(self, key: int) -> tuple[WorldBatch, int]:
        """The batch of a key and its rows."""
        rng = np.random.default_rng((self.seed, key))
        chosen = rng.integers(len(self.items.ids), size=self.rows // (2 * self.each))
        whom: list[str] = []
        for _ in chosen:
            group = self.audience.users if rng.random() < self.user_share else self.audience.segments
            whom += [group[place] for place in rng.choice(len(group), 2, replace=len(group) < 2)]
        rows = np.repeat(chosen, 2 * self.each)
        return self.batch(rows, [name for name in whom for _ in range(self.each)]), self.rows

    def batch(self, rows: NDArray[np.int64], whom: Sequence[str]) -> WorldBatch:
        """Given rows of items for given segments or users."""
        items = self.items
        pixels = torch.from_numpy(items.pixels[rows]).permute(0, 3, 1, 2).float()
        return WorldBatch(
            reference=pixels / 127.5 - 1,
            text=items.text[rows],
            places=items.places[rows].float(),
            preference=torch.from_numpy(np.stack([self.audience.preference[name] for name in whom])),
            reference_embeddings=items.embeddings[rows],
            text_embeddings=items.aligned[rows],
            item_ids=[items.ids[row] for row in rows],
            whom=list(whom),
            titles=[items.titles[row] for row in rows],
        )
